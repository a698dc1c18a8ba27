// The calls on rows of logits, on registers, compiled once for each instruction set.
#include "row_call.hpp"

#include "run_rows.hpp"

int c_api::call_on_rows(crossing const& c) noexcept {
  auto const run = [&c] {
    to_bytes(c.status, run_rows(cppo::simd.with_threads(c.threads), c.rows,
                                from_bytes<cppo::logit_batch_view>(c.batch), from_bytes<row_arguments>(c.outputs)));
  };
  return ended(c, run, row_tag());
}
