/** @file
 *  The call on a GPU, as plain C: built by nvcc where it is wanted, as a library beside that of cppo.h, whose
 *  structures it takes. `python -m cppo.build_cuda` builds it.
 *
 *  Every tensor lies in memory that the current device reads, offsets too, and all is computed in float. A call puts
 *  kernels into the stream and returns; it neither waits nor allocates, and may be captured into a graph. So what is
 *  wrong with the data is known on the device alone: responses with bad input are left out, and the report counts them.
 */
#ifndef CPPO_DEVICE_H
#define CPPO_DEVICE_H

#include "cppo.h"

#ifdef __cplusplus
extern "C" {
#endif

/** `CPPO_C_ABI` of the header that it was built with. */
CPPO_C_SHOWN int32_t cppo_device_abi(void);
/** Bytes of a report on the device: its counts as int64, then its sums and extremes as double, in the order of
 *  `cppo_report_name`; what stands behind them is not for reading. */
CPPO_C_SHOWN int64_t cppo_device_report_bytes(void);
/** Bytes of workspace that a call needs; -1 if an argument is wrong. */
CPPO_C_SHOWN int64_t cppo_device_workspace_bytes(cppo_batch const *batch, cppo_region const *region,
                                                 cppo_status *status);
/** As `cppo_policy_loss`, on `stream`, a cudaStream_t of the current device. `workspace` has `bytes` bytes, `report`
 *  `cppo_device_report_bytes()`, both on the device; the report of `outputs` must be null, and so must carries and
 *  totals. A packed batch fills its buffers, unless it states a capacity. */
CPPO_C_SHOWN int32_t cppo_device_policy_loss(cppo_batch const *batch, cppo_region const *region,
                                             cppo_outputs const *outputs, cppo_options const *options, void *stream,
                                             void *workspace, int64_t bytes, void *report, cppo_status *status);

#ifdef __cplusplus
}
#endif

#endif
