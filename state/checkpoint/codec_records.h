// Log records as messages, for the files here that know the generated classes.
#ifndef WEIR_STATE_CHECKPOINT_CODEC_RECORDS_H_
#define WEIR_STATE_CHECKPOINT_CODEC_RECORDS_H_

#include "absl/status/statusor.h"
#include "state/checkpoint/job_log.h"

namespace weir::v1 {
class LogRecord;
}

namespace weir {

void ToProto(const LogRecord& record, v1::LogRecord* out);
// Takes the message apart. DATA_LOSS when it is of a newer version.
absl::StatusOr<LogRecord> FromProto(v1::LogRecord* in);

}  // namespace weir

#endif  // WEIR_STATE_CHECKPOINT_CODEC_RECORDS_H_
