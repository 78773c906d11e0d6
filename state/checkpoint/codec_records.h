// Log records as messages, for the files here that know the generated classes.
#ifndef WEIR_STATE_CHECKPOINT_CODEC_RECORDS_H_
#define WEIR_STATE_CHECKPOINT_CODEC_RECORDS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "state/checkpoint/job_log.h"

namespace google::protobuf {
template <class Element>
class RepeatedPtrField;
}
namespace weir::v1 {
class LogRecord;
class PlannedDataFile;
}  // namespace weir::v1

namespace weir {

void ToProto(const LogRecord& record, v1::LogRecord* out);
// Takes the message apart. DATA_LOSS when it is of a newer version.
absl::StatusOr<LogRecord> FromProto(v1::LogRecord* in);

void ToProto(const PlannedDataFile& file, v1::PlannedDataFile* out);
std::vector<PlannedDataFile> FromProto(
    const google::protobuf::RepeatedPtrField<v1::PlannedDataFile>& in);

}  // namespace weir

#endif  // WEIR_STATE_CHECKPOINT_CODEC_RECORDS_H_
