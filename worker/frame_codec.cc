#include "worker/frame_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/dictionary.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "arrow/record_batch.h"

namespace weir {

absl::StatusOr<std::string> EncodeBatch(const Batch& batch) {
  arrow::Result<std::shared_ptr<arrow::Buffer>> buffer =
      arrow::ipc::SerializeRecordBatch(*batch.columns, arrow::ipc::IpcWriteOptions::Defaults());
  if (!buffer.ok()) {
    return absl::InternalError(
        absl::StrCat("a batch could not be encoded: ", buffer.status().ToString()));
  }
  return (*buffer)->ToString();
}

absl::StatusOr<Batch> DecodeBatch(const std::shared_ptr<arrow::Schema>& schema, std::string bytes) {
  arrow::io::BufferReader input(arrow::Buffer::FromString(std::move(bytes)));
  arrow::ipc::DictionaryMemo memo;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> columns =
      arrow::ipc::ReadRecordBatch(schema, &memo, arrow::ipc::IpcReadOptions::Defaults(), &input);
  if (!columns.ok()) {
    return absl::DataLossError(
        absl::StrCat("a frame is not a batch of its channel: ", columns.status().ToString()));
  }
  if (arrow::Status valid = (*columns)->ValidateFull(); !valid.ok()) {
    return absl::DataLossError(absl::StrCat("a frame's batch is damaged: ", valid.ToString()));
  }
  Batch batch;
  batch.columns = *std::move(columns);
  return batch;
}

}  // namespace weir
