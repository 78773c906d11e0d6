// A frame from another worker and the batch inside it. What decodes is a valid batch and survives
// the way back.
#include <cstdint>
#include <memory>
#include <string>

#include "arrow/api.h"
#include "base/log.h"
#include "weir/v1/exchange.pb.h"
#include "worker/frame_codec.h"

namespace weir {
namespace {

void TryBatch(const std::shared_ptr<arrow::Schema>& schema, const std::string& bytes) {
  const absl::StatusOr<Batch> batch = DecodeBatch(schema, bytes);
  if (!batch.ok()) return;
  const absl::StatusOr<std::string> encoded = EncodeBatch(*batch);
  WEIR_CHECK(encoded.ok(), encoded.status().ToString());
  const absl::StatusOr<Batch> again = DecodeBatch(schema, *encoded);
  WEIR_CHECK(again.ok(), again.status().ToString());
  // NaN is equal to itself here: it travels like any other value.
  WEIR_CHECK(again->columns->Equals(*batch->columns, false,
                                    arrow::EqualOptions::Defaults().nans_equal(true)),
             "a batch changes on its way");
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  static const auto schema = arrow::schema(
      {arrow::field("pane", arrow::int64(), false), arrow::field("key", arrow::binary(), false),
       arrow::field("state", arrow::binary()), arrow::field("amount", arrow::float64()),
       arrow::field("exact", arrow::decimal128(38, 2)), arrow::field("flag", arrow::boolean())});
  TryBatch(schema, std::string(reinterpret_cast<const char*>(data), size));
  v1::Frame frame;
  if (frame.ParseFromArray(data, static_cast<int>(size))) TryBatch(schema, frame.data());
  return 0;
}
