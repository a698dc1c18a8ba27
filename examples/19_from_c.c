/* The library from plain C: two responses under a region that is read from text. */
#include <cppo.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define B 2
#define T 4
/* An array [B, T] as a tensor, and what it is lent as. */
#define LENT(id, dtype, array) {id, 0, {(void *)(array), dtype, 2, {B, T}, {T, 1}}}
#define COUNT(array) ((int64_t)(sizeof(array) / sizeof *(array)))

static float const mu[] = {-0.9f, -0.5f, -1.2f, -0.4f, -1.6f, -0.7f, -0.3f, 0.f};
static float const pi[] = {-0.7f, -0.3f, -1.4f, -0.1f, -1.8f, -0.6f, -0.9f, 0.f};
static float const adv[] = {1, 1, 1, 1, -1, -1, -1, 0};
static uint8_t const valid[] = {1, 1, 1, 1, 1, 1, 1, 0};

static int failed(cppo_status const *s) {
  fprintf(stderr, "%s\n", s->message);
  return 1;
}
/* The measure of this name. */
static double measure(double const *report, char const *name) {
  int64_t i = 0;
  while (cppo_measure_name(i) != NULL && strcmp(cppo_measure_name(i), name) != 0) ++i;
  return cppo_measure(report, i);
}

int main(void) {
  cppo_status s;
  cppo_region region;
  if (cppo_region_parse("presets::dense_post_trained()", NULL, 0, &region, &s) != 0) return failed(&s);

  uint8_t mask[B * T];
  float gradient[B * T];
  double report[CPPO_REPORT_ROOM];
  cppo_lent const inputs[] = {LENT(cppo_log_prob, cppo_f32, pi), LENT(cppo_rollout_log_prob, cppo_f32, mu),
                              LENT(cppo_advantage, cppo_f32, adv), LENT(cppo_response_mask, cppo_bool, valid)};
  cppo_lent const written[] = {LENT(cppo_out_gradient, cppo_f32, gradient), LENT(cppo_out_mask, cppo_u8, mask)};
  cppo_batch const batch = {.size = sizeof batch, .responses = B, .width = T, .inputs = inputs,
                            .input_count = COUNT(inputs)};
  cppo_outputs const outputs = {sizeof outputs, written, COUNT(written), report};
  cppo_options options;
  cppo_options_init(&options);
  options.aggregate = cppo_token_mean;
  if (cppo_policy_loss(&batch, &region, &outputs, &options, &s) != 0) return failed(&s);

  for (int i = 0; i < B * T; ++i) printf("%d %+.4f%s", mask[i], gradient[i], i % T == T - 1 ? "\n" : "   ");
  printf("loss %.4f, masked %.3f of the tokens\n", measure(report, "loss"), measure(report, "masked_fraction"));
  assert(mask[0] == 1 && mask[1] == 0 && gradient[1] == 0 && gradient[2] < 0);
  return 0;
}
