// The fixed corpus on a device: the digest that is checked in. All regions and divergences, so that it compiles long.
#define CPPO_DIGEST_DEVICE
#include "../digest/digest.cpp"
