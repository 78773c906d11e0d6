// A record of the job log (manifests among them) or a fold: as it is, then as the message inside an
// intact trailer. What decodes encodes to bytes that decode to the same, and following an empty log
// is decided without a crash.
#include "state/checkpoint/job_log.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "state/checkpoint/codec_frame.h"
#include "weir/v1/checkpoint.pb.h"

namespace weir {
namespace {

void TryRecord(std::string_view bytes) {
  const absl::StatusOr<LogRecord> record = DecodeLogRecord(bytes);
  if (!record.ok()) return;
  const std::string encoded = EncodeLogRecord(*record);
  const absl::StatusOr<LogRecord> again = DecodeLogRecord(encoded);
  WEIR_CHECK(again.ok(), again.status().ToString());
  WEIR_CHECK(EncodeLogRecord(*again) == encoded, "a record changes on its way");
  JobLogState state;
  if (Apply(1, *record, &state).ok()) (void)CanFollow(2, *record, state);
}

void TryFold(std::string_view bytes) {
  const absl::StatusOr<JobLogState> state = DecodeFold(bytes);
  if (!state.ok()) return;
  const std::string encoded = EncodeFold(*state);
  const absl::StatusOr<JobLogState> again = DecodeFold(encoded);
  WEIR_CHECK(again.ok(), again.status().ToString());
  WEIR_CHECK(EncodeFold(*again) == encoded, "a fold changes on its way");
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  TryRecord(bytes);
  TryFold(bytes);
  v1::LogRecord record;
  if (record.ParseFromArray(data, static_cast<int>(size))) TryRecord(Seal(record, kRecordMagic));
  v1::Fold fold;
  if (fold.ParseFromArray(data, static_cast<int>(size))) TryFold(Seal(fold, kFoldMagic));
  return 0;
}
