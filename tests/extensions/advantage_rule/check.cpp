// The rule gives its numbers, and a parameter out of range is refused by name.
#include <cppo/advantage.hpp>

#include <string_view>
#include <vector>

int main() {
  std::vector<double> const rewards{2.0, -4.0, 1.0};
  std::vector<int> const prompts{7, 7, 9};
  std::vector<double> advantages(3);
  auto const responses =
      cppo::response_batch(cppo::padded(3, 1), cppo::reward(rewards), cppo::group_id(prompts));
  auto const run = [&](double epsilon) {
    return cppo::compute_advantage(cppo::seq, responses, cppo::scaled_by_group(epsilon),
                                   cppo::per_response(advantages));
  };
  cppo::status const refused = run(-1.0);
  return run(0.0).ok() && advantages == std::vector<double>{0.5, -1.0, 1.0} && !refused.ok() &&
                 std::string_view(refused.name) == "epsilon"
             ? 0
             : 1;
}
