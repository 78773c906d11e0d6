// The part of the operator contract that filter and project share: they hold nothing between rows.
#ifndef WEIR_OPERATORS_EXPR_STATELESS_OPERATOR_H_
#define WEIR_OPERATORS_EXPR_STATELESS_OPERATOR_H_

#include "operators/operator.h"

namespace weir::expr {

class StatelessOperator : public Operator {
 public:
  absl::Status OnWatermark(int, EventTime time, Output& out) final {
    return out.EmitWatermark(time);
  }
  absl::Status OnStatus(int, ChannelStatus status, Output& out) final {
    return out.EmitStatus(status);
  }
  absl::Status Drain(Output&) final { return absl::OkStatus(); }
  absl::StatusOr<PendingState> Capture(const Barrier&) final { return PendingState(); }
  void Published(CheckpointId) final {}
  Footprint StateFootprint() const final { return {}; }
  bool Blocked() const final { return false; }
};

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_STATELESS_OPERATOR_H_
