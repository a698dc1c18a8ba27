// The digest's corpus for four regions on a device, against seq: compiles in minutes.
#define CPPO_DIGEST_DEVICE
#define CPPO_DIGEST_SMALL
#include "../digest/digest.cpp"
