// What becomes of a source row that can't be used: counted, and by the source's policy the job
// fails, the row is skipped, or it goes to the dead-letter table byte for byte.
#ifndef WEIR_OPERATORS_BAD_ROWS_H_
#define WEIR_OPERATORS_BAD_ROWS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "model/batch.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace weir {

class Output;
struct OperatorContext;

// Reasons, as they appear in InsertCounters::bad and in metrics.
inline constexpr char kBadSyntax[] = "syntax";
inline constexpr char kBadType[] = "wrong_type";
inline constexpr char kBadMissing[] = "missing_not_null";
inline constexpr char kBadRange[] = "out_of_range";
inline constexpr char kBadExpression[] = "expression";

// An error that a restart can't help: the job fails at once. Any other error of a task restarts it.
absl::Status FatalError(std::string_view message);
bool IsFatal(const absl::Status& status);

// The accounts of the INSERTs that an operator serves: spec.insert's, or, when it is -1, of every
// INSERT that reads the task's vertex.
std::vector<InsertCounters*> AccountsOf(const OperatorSpec& spec, const OperatorContext& context);

// Slot thread of its operator only.
class BadRowReporter {
 public:
  // Counts for AccountsOf(spec, context). `context` outlives this.
  BadRowReporter(const OperatorSpec& spec, const OperatorContext& context);

  // Record `row` of `raw` is bad. Under kFail returns a FatalError naming topic, partition, offset
  // and `message`.
  absl::Status Report(const RawRecords& raw, int64_t row, std::string_view reason,
                      std::string_view message);
  // Emits the dead letters collected since the last call on port 1 (model/plan.h DeadLetterSchema).
  // To be called before the operator returns from the call that reported.
  absl::Status Flush(Output& out);

 private:
  struct Letter {
    int32_t partition;
    int64_t offset;
    bool has_key;
    std::string key;
    bool has_payload;
    std::string payload;
    std::string error;
  };

  const BadRowPolicy policy_;
  const OperatorContext& context_;
  std::vector<InsertCounters*> accounts_;
  std::vector<Letter> letters_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_BAD_ROWS_H_
