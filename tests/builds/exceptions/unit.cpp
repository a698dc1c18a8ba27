// Built once with exceptions and once without. UNIT is the name of its function, NAME that of its text.
#include "unit.hpp"

#define WORDS_(x) #x
#define WORDS(x) WORDS_(x)

char const* const NAME = WORDS(CPPO_ABI);

std::int64_t UNIT() {
  cppo::detail::work_memory<float> memory;
  std::int64_t done = 0;
  count_done const count{&done};
  (void)cppo::detail::over_responses<float, refused_thread>(8, 1, cppo::padded(64, 8192), 0, memory,
                                                            cppo::detail::response_body<float>(count));
  return done;
}
