/** @file
 *  The library as plain C: what ctypes, JAX's FFI, Rust and every other language can call.
 *
 *  A call takes a batch, a trust region, outputs and options, and returns a status with its sentence. Nothing is kept
 *  between calls and nothing that is returned must be freed; every buffer is the caller's, and is lent for the call
 *  alone. Functions may be called from any number of threads at once. No exception leaves them: where there is no
 *  memory left, the status says so. Equations, shapes and rules are those of the C++ library, whose names are used.
 *  A `status` may be null, and so may `options`, for the defaults; no other pointer may, unless it is said.
 *
 *  Compatibility: a structure begins with its size as the caller knows it. Members are added at the end alone, ids are
 *  never given anew, and a library reads no more than the caller's size: what is not there has its default. Members
 *  that a library does not know must be 0.
 *
 *  Calls run on the best instruction set that the machine has, with the same bits on all. The environment variable
 *  CPPO_ISA, read at the first call, names the highest that is taken: x86-64, x86-64-v3 or x86-64-v4. A thread keeps
 *  the memory that its calls worked in, a few numbers for each slot of the longest response, until it ends.
 */
#ifndef CPPO_H
#define CPPO_H

#include <stddef.h>
#include <stdint.h>

/** Before what the library shows. */
#if defined(__GNUC__) || defined(__clang__)
#define CPPO_C_SHOWN __attribute__((visibility("default")))
#else
#define CPPO_C_SHOWN
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface: `cppo_c_abi()` of the library that is loaded must return it. */
#define CPPO_C_ABI 1

/** What an element is. */
enum {
  cppo_f32 = 0, cppo_f64 = 1, cppo_f16 = 2, cppo_bf16 = 3, cppo_bool = 4, cppo_u8 = 5, cppo_i8 = 6, cppo_i16 = 7,
  cppo_u16 = 8, cppo_i32 = 9, cppo_u32 = 10, cppo_i64 = 11, cppo_u64 = 12
};

/** Elements in the memory of the host. Strides count elements, of any sign; 0 repeats one element. */
typedef struct cppo_tensor {
  void *data;         /**< where element [0, 0] lies */
  int32_t dtype;      /**< as `cppo_f32` */
  int32_t rank;       /**< 1 or 2 */
  int64_t shape[2];   /**< elements along each of `rank` axes */
  int64_t stride[2];  /**< elements from one to the next along each */
} cppo_tensor;

/** What a tensor is lent as. */
enum {
  /* inputs, in the batch's layout: [B, T] or [N] */
  cppo_log_prob = 1, cppo_rollout_log_prob = 2, cppo_advantage = 3, cppo_response_mask = 4, cppo_divergence_values = 5,
  cppo_token_weight = 6, cppo_token_id = 7,
  /* Top-K lists: [slots, K] each */
  cppo_top_k_ids = 8, cppo_top_k_log_probs = 9, cppo_top_k_rollout_log_probs = 10,
  /* inputs that rules read, in the batch's layout */
  cppo_entropy = 11, cppo_reference_log_prob = 12,
  /* inputs of `cppo_compute_advantage`, beside response_mask and advantage */
  cppo_reward = 13, cppo_group_id = 14, cppo_value = 15, cppo_bootstrap_value = 16,
  /* inputs of the calls on logits, beside token_id, response_mask, entropy and top_k_ids, in the batch's layout */
  cppo_slope = 17, cppo_log_sum_exp = 18, cppo_rollout_log_sum_exp = 19, cppo_entropy_slopes = 20,
  /* outputs, in the batch's layout */
  cppo_out_loss = 64, cppo_out_gradient = 65, cppo_out_mask = 66, cppo_out_gate = 67, cppo_out_divergence = 68,
  cppo_out_weight = 69, cppo_out_weighted_divergence = 70, cppo_out_prefix_drift = 71, cppo_out_prefix_weight = 72,
  cppo_out_threshold = 73, cppo_out_excess = 74, cppo_out_decision = 75,
  /* outputs of `cppo_compute_advantage` */
  cppo_out_advantage = 76, cppo_out_returns = 77,
  /* outputs of `cppo_log_probs` and `cppo_log_probs_of_found`, in the batch's layout; those of lists [slots, k], and
     [slots, m] of the largest */
  cppo_out_log_prob = 78, cppo_out_log_sum_exp = 79, cppo_out_entropy = 80, cppo_out_listed_log_prob = 81,
  cppo_out_largest_id = 82, cppo_out_largest_log_prob = 83,
  /* output of the calls from logits to their gradient: [slots, V] */
  cppo_out_logits_gradient = 84,
  /* outputs of `cppo_full_divergences`, in the batch's layout */
  cppo_out_tv = 85, cppo_out_kl = 86
};

/** A tensor and what it is. */
typedef struct cppo_lent {
  int32_t id;            /**< as `cppo_log_prob` */
  int32_t per_response;  /**< 1: a value for each response, [B]: advantage, response_mask, token_weight; in
                              `cppo_compute_advantage` the reward, and out_advantage; else 0 */
  cppo_tensor tensor;    /**< its elements */
} cppo_lent;

/** A batch of responses: padded [B, T], or packed [N] if `cu_seqlens` is lent. Where log-probs (those
 *  of the reference too), divergences or Top-K lists are double, the call computes in double, else in float. */
typedef struct cppo_batch {
  uint64_t size;              /**< sizeof(cppo_batch) */
  int64_t responses;          /**< B */
  int64_t width;              /**< T of the padded layout */
  cppo_tensor cu_seqlens;     /**< int32 or int64 [B + 1], dense; data is null for the padded layout */
  int64_t capacity;           /**< packed: slots of buffers that have more than cu_seqlens[B], which get +0; else 0 */
  int64_t top_k;              /**< K of the lists; 0 without */
  cppo_lent const *inputs;    /**< what is lent, in any order */
  int64_t input_count;        /**< how many they are */
} cppo_batch;

/** A trust region, by value. Make it by `cppo_region_parse`; its bytes mean nothing to anybody else, and nothing to a
 *  library of another version. */
typedef struct cppo_region {
  double opaque[128];  /**< its parts */
} cppo_region;

/** Values of `cppo_options`, in this order: aggregate, bad_input, positions, surrogate, executor. */
enum {
  cppo_token_sum, cppo_token_mean, cppo_seq_mean_token_sum, cppo_seq_mean_token_mean, cppo_seq_mean_token_sum_norm
};
enum { cppo_reject, cppo_exclude, cppo_propagate };
enum { cppo_own_length, cppo_fixed_horizon, cppo_padded_column };
enum { cppo_ratio, cppo_reinforce };
enum { cppo_simd, cppo_seq };

/** Sums before a piece of a response; all 0 is before the first token. */
typedef struct cppo_prefix {
  int64_t words[8];  /**< not for reading but the first, the number of tokens: below 0 in the place of what failed */
} cppo_prefix;
/** The totals of a response, or of a piece of it; all 0 is of no token. */
typedef struct cppo_totals {
  int64_t words[8];  /**< as above */
} cppo_totals;

/** As `cppo::loss_options`. Fill it in by `cppo_options_init`, then change what is to be changed. */
typedef struct cppo_options {
  uint64_t size;               /**< sizeof(cppo_options) */
  int32_t aggregate;           /**< as `cppo_token_sum`, the default */
  int32_t bad_input;           /**< as `cppo_reject`, the default */
  int32_t positions;           /**< as `cppo_own_length`, the default */
  int32_t surrogate;           /**< as `cppo_ratio`, the default */
  int64_t horizon;             /**< T of `cppo_fixed_horizon`, divisor of `cppo_seq_mean_token_sum_norm`; 0: none */
  double normalizer;           /**< what the losses are divided by; 0, the default: the batch's own count */
  double log_ratio_clamp;      /**< 20, the default; 0 switches it off */
  double ratio_cap;            /**< 0, the default: none */
  double log_prob_tolerance;   /**< how far above 0 a log-prob may be; 0, the default */
  double log_prob_floor;       /**< a finite log-prob below it is bad input; -1000, the default */
  int32_t executor;            /**< `cppo_simd`, the default, or `cppo_seq`: the same bits, slower */
  int32_t threads;             /**< of `cppo_simd`: 1, the default; 0: as many as the machine has */
  cppo_prefix const *carries;  /**< pieces: one for each, or null */
  cppo_totals const *totals;   /**< pieces: one for each, or null */
  int64_t const *folds;        /**< micro-batches: the states of all exchanges, see `cppo_sum_folds`; or null */
  int64_t fold_words;          /**< how many words they are */
  double entropy_bonus;        /**< `cppo_policy_loss_from_logits` alone, as `cppo::logit_loss_options`: each valid
                                    token has so many times its entropy taken from its loss; 0, the default: none */
} cppo_options;

/** Numbers of a report, `cppo_report_count()` of them: what adds up, then maxima and minima, then how the loss is
 *  scaled. Add reports by `cppo_report_add`. */
#define CPPO_REPORT_ROOM 96

/** What a call writes. */
typedef struct cppo_outputs {
  uint64_t size;            /**< sizeof(cppo_outputs) */
  cppo_lent const *tensors; /**< where outputs go, in any order */
  int64_t tensor_count;     /**< how many they are */
  double *report;           /**< `CPPO_REPORT_ROOM` numbers, or null */
} cppo_outputs;

/** Codes of this interface alone. All others are those of `cppo::status_code`. */
enum {
  cppo_bad_argument = 1024,  /**< null, or no id, dtype, enum value or structure: nothing was written */
  cppo_bad_text = 1025,      /**< the text of a region is wrong: nothing was written */
  cppo_no_memory = 1026,     /**< there is no memory left: nothing was written */
  cppo_failed = 1027         /**< an exception that nothing is known of: outputs are not valid */
};

/** How a call ended. */
typedef struct cppo_status {
  int32_t code;       /**< 0: ok; below 64: every output is valid; below 96: those of responses without bad input are;
                           96 and above: nothing was written, unless it is `cppo_failed` */
  int32_t where;      /**< the argument concerned, a `cppo::argument`; 0: none */
  int64_t response;   /**< first place, from 0; -1: does not apply */
  int64_t token;      /**< its token, from 0; -1: does not apply */
  int64_t count;      /**< how many tokens are affected */
  char message[448];  /**< one sentence: what is wrong, where, and the remedy; empty if the code is 0 */
} cppo_status;

/** The version of the interface that the library has. */
CPPO_C_SHOWN int32_t cppo_c_abi(void);
/** The library's version, "0.2.0". */
CPPO_C_SHOWN char const *cppo_version(void);
/** The instruction set that calls run on, "x86-64-v3" or the like. */
CPPO_C_SHOWN char const *cppo_instruction_set(void);

/** Reads a region from its text: the C++ expression that makes it, a named region, or JSON, as `cppo::parse_region`
 *  and `cppo::parse_rule` do: "gspo(epsilon_high = 3e-4)", "ppo() + penalty(kl_k3(), 0.1)". `$0`, `$1` ... in it
 *  stand for numbers[0], numbers[1] ...; `numbers` may be null if `count` is 0. Returns the code of `status`, whose
 *  message names the column and what was expected there. */
CPPO_C_SHOWN int32_t cppo_region_parse(char const *text, double const *numbers, int64_t count, cppo_region *region,
                                       cppo_status *status);
/** Makes a region of parts that its user wrote. `object` is what `cppo_compiled_region()` returns, the one function of
 *  a shared object compiled with `region_object.hpp` of this version; that must stay loaded as long as its regions are
 *  used. It takes `count` numbers, which its parts check. Nothing else tells such a region from one of text, but that
 *  its bytes mean nothing to another process. */
CPPO_C_SHOWN int32_t cppo_region_compiled(void const *object, double const *numbers, int64_t count, cppo_region *region,
                                          cppo_status *status);
/** The expression that makes the region, into at most `room` characters, a 0 included; `text` may be null. Returns how
 *  many characters the whole text has, without the 0: where that is `room` or more, it was cut. 0 for a rule that no
 *  text of this form makes: one that computes with numbers alone, or whose text would be too long to be read, as a fold
 *  is written out wherever it stands. -1 if there is no region. */
CPPO_C_SHOWN int64_t cppo_region_text(cppo_region const *region, char *text, int64_t room);
/** What the region's text was read to, as JSON, into at most `room` characters as above; for who evaluates a region
 *  without the library. Returns 0 for a region of parts that its user wrote, -1 if there is no region. Members, in this
 *  order: is_rule (false if the text is that of a `cppo::described_region`), divergence, reports_only (the divergence
 *  is for the report alone), soft (the gate is the reciprocal one), w_min, seed (of a shuffled weight, or null),
 *  reversed (the weights are, before they are shuffled), shuffle_reversed (they are after it), budget (null; or
 *  delta_b, and quantile, scale and ceiling_factor where it is calibrated), mask, own_loss (false: the loss is
 *  -A rho M, which the options describe), loss, penalty (or null), folds.
 *
 *  Mask, losses and what is folded are trees of nodes: `op`, the name of what it does; `of`, its operands; `numbers`;
 *  `fold`, a place in folds; `divergence`; `seed`; `counted`, the kind under which a report counts a clause, absent for
 *  "other"; `sloped`, true where its slope is asked for. A fold has range, statistic, rank (how the
 *  parameter gives it: "share", "share_rounded_up", "at_quantile"; else ""), parameter, level (folds of level 1 hold no
 *  others) and of. Infinity is 1e999, and with its sign -1e999. */
CPPO_C_SHOWN int64_t cppo_region_tree(cppo_region const *region, char *text, int64_t room);
/** The inputs that the region reads beside log-probs and advantage: bits, 1 << id. 0 if there is no region. */
CPPO_C_SHOWN uint64_t cppo_region_reads(cppo_region const *region);
/** 1 if the region asks for a quantile of D, so that `cppo_summarize_piece` writes D; else 0. */
CPPO_C_SHOWN int32_t cppo_region_calibrates(cppo_region const *region);
/** Names that a text may hold, one after the other: name `i`, what it makes ("mask") and its parameters ("low, high");
 *  null past the last. The strings live as long as the library.
 *  @{ */
CPPO_C_SHOWN char const *cppo_part_name(int64_t i);
CPPO_C_SHOWN char const *cppo_part_kind(int64_t i);
CPPO_C_SHOWN char const *cppo_part_parameters(int64_t i);
/** @} */

/** Writes the defaults into the first `size` bytes, as many as the caller's structure has: a library whose structure is
 *  larger writes no more. C and C++ call it as `cppo_options_init(&options)`. */
CPPO_C_SHOWN void cppo_options_init_sized(cppo_options *options, uint64_t size);
/** Writes the defaults into options of the size that the caller was compiled with. */
#define cppo_options_init(options) cppo_options_init_sized((options), sizeof(cppo_options))

/** Masks, weighs and differentiates a batch. [Eq. 8-11, Algorithm 1] As `cppo::policy_loss`. Returns the code of
 *  `status`. */
CPPO_C_SHOWN int32_t cppo_policy_loss(cppo_batch const *batch, cppo_region const *region, cppo_outputs const *outputs,
                                      cppo_options const *options, cppo_status *status);

/** Logits of a batch's slots over V ids, as `cppo::logits(V, x)`: row i belongs to slot i, of padded layouts in
 *  row-major order. Rows of excluded slots are never read. */
typedef struct cppo_logits {
  uint64_t size;       /**< sizeof(cppo_logits) */
  cppo_tensor rows;    /**< [slots, V], rank 2: f32, f16 or bf16; the ids of a row side by side, rows V elements apart
                            or more */
  double temperature;  /**< T: log-probs are those of softmax(x / T). 1 takes logits as they are; 0 is refused */
  int64_t first_id;    /**< of a shard of the vocabulary: the id of its first column; else 0 */
  int64_t ids;         /**< of a shard: how many ids the whole vocabulary has; else 0, or V */
} cppo_logits;
/** How rows of logits are read. Without one a call runs on one thread of `cppo_simd`. All 0 but the size is the same on
 *  all threads of the machine. */
typedef struct cppo_logit_options {
  uint64_t size;         /**< sizeof(cppo_logit_options) */
  int32_t executor;      /**< `cppo_simd` or `cppo_seq`: the same bits */
  int32_t threads;       /**< of `cppo_simd`: they share the rows. 0: as many as the machine has */
  double entropy_slope;  /**< `cppo_logits_gradient` alone: d loss / d H of every token; 0: none */
} cppo_logit_options;

/** Log-probs of the sampled and the listed ids, log-sum-exp, entropy and the largest logits, as `cppo::log_probs`.
 *  Reads token_id, response_mask and top_k_ids (with `top_k`); m of the largest are as many as their outputs have
 *  columns. Outputs hold numbers of any type; lend log_sum_exp as f64. `report` is null. Returns the code of `status`.
 */
CPPO_C_SHOWN int32_t cppo_log_probs(cppo_batch const *batch, cppo_logits const *logits, cppo_outputs const *outputs,
                                    cppo_logit_options const *options, cppo_status *status);
/** From the slope of log-probs, d loss / d log pi(y), to the gradient of logits, as `cppo::logits_gradient`. Reads
 *  token_id, response_mask, slope, log_sum_exp, and the entropy where it has a slope: that of the options, or
 *  entropy_slopes. The output logits_gradient may be the memory of the logits, which it then replaces. Of a shard of
 *  the vocabulary, log_sum_exp and entropy are those of all of it. */
CPPO_C_SHOWN int32_t cppo_logits_gradient(cppo_batch const *batch, cppo_logits const *logits,
                                          cppo_outputs const *outputs, cppo_logit_options const *options,
                                          cppo_status *status);
/** Words that `cppo_find_logits` writes of so many tokens, where `top_k` ids are listed and `largest_count` of the
 *  largest logits asked for, over `shards` shards that do not touch: 1 for one rank, and for all together. -1 if a
 *  number is below 0, or they are too many. */
CPPO_C_SHOWN int64_t cppo_found_words(int64_t tokens, int64_t top_k, int64_t largest_count, int64_t shards);
/** What one pass finds in a shard of the vocabulary, that of `logits->first_id` and `ids`, as `cppo::find_logits`:
 *  plain numbers, to be sent between ranks as they are. Ids are those of the whole vocabulary. Reads token_id,
 *  response_mask and top_k_ids (with `top_k`). `room`: words at `found`, enough for a token in each slot; `written`
 *  becomes how many they are, the same on every rank. `found` and `written` share memory with nothing else. Where rows
 *  or options are refused, or there is too little room, `written` becomes 0, and `found`, if it has room for 6 words,
 *  what no call accepts; where a pointer or a tensor is, or memory is shared, nothing is written.
 *
 *  The words: the bits of the temperature (a double), the ids of the whole vocabulary, top_k, m, tokens, shards; of
 *  each shard the first id and the number of ids; of each token the largest logit, its id, the sum of the other
 *  terms and their moment, three of them the bits of doubles; m ids a token; then floats, two in a word: 1 + top_k
 *  logits of each token, and m of each. */
CPPO_C_SHOWN int32_t cppo_find_logits(cppo_batch const *batch, cppo_logits const *logits, int64_t largest_count,
                                      int64_t *found, int64_t room, int64_t *written,
                                      cppo_logit_options const *options, cppo_status *status);
/** What was found in the shards of both, as `cppo::combine`. Writes at most `room` words, and returns how many they
 *  are: if that is more than `room`, nothing was written. -1: a pointer is null whose words are not 0, or there is
 *  no memory. What does not belong together, or has an id in both, becomes what no call accepts. `into` may be `a`
 *  or `b`. The order of more than two moves the last bits: combine them in one order on every rank. */
CPPO_C_SHOWN int64_t cppo_combine_found(int64_t const *a, int64_t a_words, int64_t const *b, int64_t b_words,
                                        int64_t *into, int64_t room);
/** As `cppo_log_probs`, from what was found in all shards. Logits are not read: they are those of any shard. */
CPPO_C_SHOWN int32_t cppo_log_probs_of_found(cppo_batch const *batch, cppo_logits const *logits, int64_t const *found,
                                             int64_t found_words, cppo_outputs const *outputs, cppo_status *status);
/** TV and KL(mu || pi) over the whole vocabulary, as `cppo::full_divergences`. Reads response_mask, log_sum_exp, and
 *  rollout_log_sum_exp of `rollout_logits`; or `rollout_log_probs` is lent, log-probs of all ids, and the other one
 *  null. */
CPPO_C_SHOWN int32_t cppo_full_divergences(cppo_batch const *batch, cppo_logits const *logits,
                                           cppo_logits const *rollout_logits, cppo_logits const *rollout_log_probs,
                                           cppo_outputs const *outputs, cppo_logit_options const *options,
                                           cppo_status *status);
/** From logits to their gradient, as `cppo::policy_loss_from_logits`: `cppo_policy_loss` on log-probs that are
 *  computed from logits. The batch lends token_id, and neither log_prob nor top_k_log_probs; of lists top_k_ids and
 *  top_k_rollout_log_probs. Writes logits_gradient, which may be the memory of the logits, log_prob and entropy of
 *  the logits (cppo_out_log_prob, cppo_out_entropy), and all that `cppo_policy_loss` writes but gradient. For any
 *  region, in pieces and micro-batches too, and with an entropy bonus. */
CPPO_C_SHOWN int32_t cppo_policy_loss_from_logits(cppo_batch const *batch, cppo_logits const *logits,
                                                  cppo_region const *region, cppo_outputs const *outputs,
                                                  cppo_options const *options, cppo_status *status);

/** What one clause of a region's mask does to a batch. */
typedef struct cppo_clause_count {
  char const *kind;   /**< under which kind a report counts it: "toward", "ratio", "divergence", "budget", "response" or
                           "other"; lives as long as the library */
  int64_t refused;    /**< tokens that it speaks against: where it is false, or under a negation true */
  int64_t decided;    /**< masked tokens that would be kept if it alone were of another mind */
} cppo_clause_count;
/** What each clause of the region's mask does to a batch of whole responses, in the order in which they are written, as
 *  `cppo::count_clauses`. Writes at most `room` of them; `counts` may be null if that is 0. Returns how many there are;
 *  -1 where `cppo_policy_loss` would write nothing. `status` is that of `cppo_policy_loss`: what that leaves out is not
 *  counted. It costs a call for each clause, and one. */
CPPO_C_SHOWN int64_t cppo_count_clauses(cppo_batch const *batch, cppo_region const *region, cppo_options const *options,
                                        cppo_clause_count *counts, int64_t room, cppo_status *status);
/** The expression of clause `i` in that order, as `cppo_region_text`; -1 past the last. */
CPPO_C_SHOWN int64_t cppo_clause_text(cppo_region const *region, int64_t i, char *text, int64_t room);

/** Reads a public CPPO or DPPO code, for reproducing a run, as `cppo::parse_code`: "verl_cppo(ratio_cap = 20)". It is a
 *  region, and options of the call, which are that code together: `options` are the caller's, of which aggregate,
 *  positions, surrogate, log_ratio_clamp and ratio_cap are written. As `cppo_region_parse`. */
CPPO_C_SHOWN int32_t cppo_parity_parse(char const *text, double const *numbers, int64_t count, cppo_region *region,
                                       cppo_options *options, cppo_status *status);
/** Names of public codes, one after the other, and the parameters of each ("delta, delta_b"); null past the last.
 *  @{ */
CPPO_C_SHOWN char const *cppo_parity_name(int64_t i);
CPPO_C_SHOWN char const *cppo_parity_parameters(int64_t i);
/** @} */

/** Field `i` of a report: its name, or null past the last; and how reports of parts are put together: 0 by adding,
 *  1 by the maximum, 2 by the minimum, 3 by their being equal. Left out of rules 1 to 3 are parts that have no such
 *  number: of D one without a token, of delta_b one without a response, of the scaling one of no call, which is all 0.
 *  A histogram has several fields of one name.
 *  @{ */
CPPO_C_SHOWN char const *cppo_report_name(int64_t i);
CPPO_C_SHOWN int32_t cppo_report_rule(int64_t i);
/** @} */
/** The number of fields. */
CPPO_C_SHOWN int64_t cppo_report_count(void);
/** `into` becomes the report of both. */
CPPO_C_SHOWN void cppo_report_add(double *into, double const *other);
/** What follows from a report, loss, means and shares: the name of measure `i`, or null past the last, and its value,
 *  NaN past the last. `masked_fraction_at` has a value for each bin of the histogram.
 *  @{ */
CPPO_C_SHOWN char const *cppo_measure_name(int64_t i);
CPPO_C_SHOWN double cppo_measure(double const *report, int64_t i);
/** @} */

/** What is wrong with a batch, as `cppo::diagnose`: findings sorted by what they explain. `region` may be null. */
typedef struct cppo_finding {
  int64_t id;              /**< a bit of `cppo::finding` */
  int64_t tokens;          /**< how many it explains */
  char const *name;        /**< lives as long as the library */
  char const *sentence;    /**< what it means and what to do */
} cppo_finding;
/** Writes at most `room` findings; `findings` may be null if that is 0. Returns how many there are; -1 if an argument
 *  is wrong: `cppo_policy_loss` with the same says which. */
CPPO_C_SHOWN int64_t cppo_diagnose(cppo_batch const *batch, cppo_region const *region, cppo_options const *options,
                                   cppo_finding *findings, int64_t room);

/** Pass 1 over piece `b`, as `cppo::summarize_piece`. Where the region calibrates its budget, D of the piece's valid
 *  tokens goes to `divergences`, which has room for all its slots, in the arithmetic of the call: float, or double if
 *  that is double; `written` becomes their number. Both may be null elsewhere. Where it fails, `piece` becomes what no
 *  call accepts, and so does all that is made of it. */
CPPO_C_SHOWN int32_t cppo_summarize_piece(cppo_batch const *batch, cppo_region const *region, int64_t b,
                                          cppo_options const *options, cppo_totals *piece, void *divergences,
                                          int64_t *written, cppo_status *status);
/** `into` becomes the totals of both. */
CPPO_C_SHOWN void cppo_totals_add(cppo_totals *into, cppo_totals const *other);
/** Resolves the budget of a whole response, as `cppo::resolve_totals`. `divergences`: `count` elements of `dtype`,
 *  cppo_f32 or cppo_f64, which are reordered; may be null if that is 0. Where it fails, as above. */
CPPO_C_SHOWN int32_t cppo_resolve_totals(cppo_region const *region, cppo_totals *total, void *divergences,
                                         int32_t dtype, int64_t count, cppo_status *status);
/** Pass 2 over piece `b`, as `cppo::sum_piece`. Where it fails, as above. */
CPPO_C_SHOWN int32_t cppo_sum_piece(cppo_batch const *batch, cppo_region const *region, int64_t b,
                                    cppo_totals const *total, int64_t tokens_before, cppo_options const *options,
                                    cppo_prefix *piece, cppo_status *status);
/** `into` becomes the sums of both. */
CPPO_C_SHOWN void cppo_prefix_add(cppo_prefix *into, cppo_prefix const *other);

/** How often micro-batches and ranks exchange the states of their folds before those over the batch are known, as
 *  `cppo::fold_exchanges`, in the arithmetic `dtype`, cppo_f32 or cppo_f64. 0: no fold looks beyond its response. -1 if
 *  an argument is wrong. */
CPPO_C_SHOWN int32_t cppo_fold_exchanges(cppo_region const *region, int32_t dtype);
/** Words of the states of the first `exchanges` exchanges, which lie one after the other. -1 if an argument is wrong.
 */
CPPO_C_SHOWN int64_t cppo_fold_words(cppo_region const *region, int32_t dtype, int32_t exchanges);
/** What this micro-batch of whole responses adds to the next exchange, as `cppo::sum_folds`: to the one after those
 *  that are `known`, which has `known_words` words. Exchange k has its states at words `cppo_fold_words(..., k)` to
 *  `cppo_fold_words(..., k + 1)`, and `sums` has room for those of one. Add them up over all micro-batches and ranks,
 *  put them behind what is known, and go on until all exchanges are; then each call takes all as `options->folds`, with
 *  the `normalizer` of the whole and else the options that the states were made with, which nothing compares, and has
 *  the bits of one batch. Where it fails, `sums` becomes what no call accepts.
 */
CPPO_C_SHOWN int32_t cppo_sum_folds(cppo_batch const *batch, cppo_region const *region, cppo_options const *options,
                                    int64_t const *known, int64_t known_words, int64_t *sums, int64_t sum_words,
                                    cppo_status *status);
/** `into` becomes the states of both, of one exchange and of `words` words. All 0 is of no micro-batch. Any order gives
 *  the same bits. */
CPPO_C_SHOWN void cppo_folds_add(int64_t *into, int64_t const *other, int64_t words);

/** A rule for advantages, by value. Make it by `cppo_advantage_parse`; its bytes are as those of a `cppo_region`. */
typedef struct cppo_advantage_rule {
  double opaque[128];  /**< its parts */
} cppo_advantage_rule;

/** How advantages are computed. Without one the call runs on one thread of `cppo_simd`. All 0 but the size is the same
 *  on all threads of the machine. */
typedef struct cppo_advantage_options {
  uint64_t size;           /**< sizeof(cppo_advantage_options) */
  int32_t executor;        /**< `cppo_simd` or `cppo_seq`: the same bits */
  int32_t threads;         /**< of `cppo_simd`: they share the responses. 0: as many as the machine has */
  int64_t const *known;    /**< states of the rule's folds over all micro-batches and ranks, or null: of this batch */
  int64_t known_words;     /**< how many words they are */
  double const *after;     /**< `gae`, in place of bootstrap_value: V and A of the token that follows each response, in
                                another call, [B, 2]; or null */
  double *first;           /**< `gae`: written, V and A of the first token of each response, [B, 2]; or null. It may be
                                `after`, but shares memory with nothing else */
} cppo_advantage_options;

/** Reads an advantage rule from its text, as `cppo::parse_advantage` does: "grpo(1e-6, overlong(4, 2))",
 *  "reward - group(mean(reward))". As `cppo_region_parse`. */
CPPO_C_SHOWN int32_t cppo_advantage_parse(char const *text, double const *numbers, int64_t count,
                                          cppo_advantage_rule *rule, cppo_status *status);
/** The expression that makes the rule, as `cppo_region_text`. */
CPPO_C_SHOWN int64_t cppo_advantage_text(cppo_advantage_rule const *rule, char *text, int64_t room);
/** The inputs that the rule reads: bits, 1 << id; response_mask where tokens or lengths count. 0 if there is no
 *  rule. */
CPPO_C_SHOWN uint64_t cppo_advantage_reads(cppo_advantage_rule const *rule);
/** What the rule writes: bit 1 if it is one number a token, which takes no out_advantage per response, bit 2 if it is a
 *  mask, of 1 and 0; -1 if there is no rule. */
CPPO_C_SHOWN int32_t cppo_advantage_writes(cppo_advantage_rule const *rule);
/** The number of levels of the rule's folds; -1 if there is no rule. */
CPPO_C_SHOWN int32_t cppo_advantage_levels(cppo_advantage_rule const *rule);
/** Names that the text of an advantage rule may hold, as `cppo_part_name` and the others.
 *  @{ */
CPPO_C_SHOWN char const *cppo_advantage_name(int64_t i);
CPPO_C_SHOWN char const *cppo_advantage_kind(int64_t i);
CPPO_C_SHOWN char const *cppo_advantage_parameters(int64_t i);
/** @} */

/** Writes the advantages of a batch under a rule, as `cppo::compute_advantage`. The batch needs no log-probs; the
 *  outputs are out_advantage, [B, T] or [N], or [B] with per_response, and of `gae` out_returns; `report` is not read.
 *  `options` may be null. `known` is not taken beside out_returns, `after` and `first`. Returns the code of `status`.
 */
CPPO_C_SHOWN int32_t cppo_compute_advantage(cppo_batch const *batch, cppo_advantage_rule const *rule,
                                            cppo_outputs const *outputs, cppo_advantage_options const *options,
                                            cppo_status *status);
/** Words that the states of a rule's folds over so many groups take; -1 if there is no rule. States are plain numbers,
 *  to be sent between ranks as they are: the level, the states of a group, the number of groups, then their ids, then
 *  five words a state. */
CPPO_C_SHOWN int64_t cppo_reward_words(cppo_advantage_rule const *rule, int64_t groups);
/** Writes the states of the next level of folds over this batch alone, as `cppo::sum_rewards`: the level after those of
 *  `options->known`. `room`: words at `sums`, enough for a group of each response; `written` becomes their number.
 *  `sums` and `written` share memory with nothing else. Where it fails, and there is room for 3 words, `sums` becomes
 *  what no call accepts, unless it shares memory. */
CPPO_C_SHOWN int32_t cppo_sum_rewards(cppo_batch const *batch, cppo_advantage_rule const *rule,
                                      cppo_advantage_options const *options, int64_t *sums, int64_t room,
                                      int64_t *written, cppo_status *status);
/** Adds up states: of two micro-batches or ranks at one level, or of the levels that are known and of the next one; no
 *  words are the states of nothing. Writes at most `room` words, and returns how many they are: if that is more than
 *  `room`, nothing was written. -1: a pointer is null whose words are not 0, or there is no memory. States that do not
 *  belong together become what no call accepts. `into` may be `a` or `b`. */
CPPO_C_SHOWN int64_t cppo_reward_states_add(int64_t const *a, int64_t a_words, int64_t const *b, int64_t b_words,
                                            int64_t *into, int64_t room);

#ifdef __cplusplus
}
#endif

#endif
