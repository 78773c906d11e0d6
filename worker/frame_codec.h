// Batches as bytes: one Arrow IPC record batch message, its schema known to both sides.
#ifndef WEIR_WORKER_FRAME_CODEC_H_
#define WEIR_WORKER_FRAME_CODEC_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "model/batch.h"

namespace weir {

// Raw records stay behind: a row that crosses an edge can't turn bad any more.
absl::StatusOr<std::string> EncodeBatch(const Batch& batch);
// Copies out of `bytes`. DATA_LOSS when they aren't a whole message of `schema`.
absl::StatusOr<Batch> DecodeBatch(const std::shared_ptr<arrow::Schema>& schema, std::string bytes);

}  // namespace weir

#endif  // WEIR_WORKER_FRAME_CODEC_H_
