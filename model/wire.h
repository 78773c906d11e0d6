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
class TaskSnapshot;
class TaskRestore;
class KafkaSpec;
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

}  // namespace weir

#endif  // WEIR_MODEL_WIRE_H_
