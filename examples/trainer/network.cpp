#include "network.hpp"

namespace trainer {

template class network<float>;
template class network<double>;

}  // namespace trainer
