// Plans and snapshots as bytes: the only place outside *_rpc.cc and state/checkpoint/codec.cc that
// knows the generated protobuf classes.
#ifndef WEIR_MODEL_WIRE_H_
#define WEIR_MODEL_WIRE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace weir::v1 {
class Plan;
class KafkaSpec;
class TaskSnapshot;
class TaskRestore;
class PartitionPosition;
class InsertCounters;
class OperatorState;
class StagedFile;
}  // namespace weir::v1

namespace weir {

void ToProto(const Plan& plan, v1::Plan* out);
// INVALID_ARGUMENT naming the field when a number is out of range or a kind is unknown (a plan of a
// newer version).
absl::StatusOr<Plan> FromProto(const v1::Plan& in);

void ToProto(const KafkaSpec& spec, v1::KafkaSpec* out);
absl::StatusOr<KafkaSpec> FromProto(const v1::KafkaSpec& in);

void ToProto(const TaskSnapshot& snapshot, v1::TaskSnapshot* out);
absl::StatusOr<TaskSnapshot> FromProto(const v1::TaskSnapshot& in);

void ToProto(const TaskRestore& restore, v1::TaskRestore* out);
absl::StatusOr<TaskRestore> FromProto(const v1::TaskRestore& in);

// Parts of a snapshot, which manifests carry too.
void ToProto(const PartitionPosition& position, v1::PartitionPosition* out);
absl::StatusOr<PartitionPosition> FromProto(const v1::PartitionPosition& in);
void ToProto(const InsertCounters& counters, v1::InsertCounters* out);
absl::StatusOr<InsertCounters> FromProto(const v1::InsertCounters& in);
void ToProto(const OperatorState& state, v1::OperatorState* out);
absl::StatusOr<OperatorState> FromProto(const v1::OperatorState& in);
void ToProto(const StagedFile& file, v1::StagedFile* out);
absl::StatusOr<StagedFile> FromProto(const v1::StagedFile& in);

}  // namespace weir

#endif  // WEIR_MODEL_WIRE_H_
