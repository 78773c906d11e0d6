// An Output that keeps what it is given.
#ifndef WEIR_TESTS_UNIT_OPERATORS_COLLECTING_OUTPUT_H_
#define WEIR_TESTS_UNIT_OPERATORS_COLLECTING_OUTPUT_H_

#include <map>
#include <utility>
#include <vector>

#include "operators/operator.h"

namespace weir {

struct CollectingOutput : Output {
  std::map<int, std::vector<Batch>> batches;  // by port
  std::vector<EventTime> watermarks;
  std::vector<ChannelStatus> statuses;

  absl::Status Emit(int port, Batch batch) override {
    batches[port].push_back(std::move(batch));
    return absl::OkStatus();
  }
  absl::Status EmitWatermark(EventTime time) override {
    watermarks.push_back(time);
    return absl::OkStatus();
  }
  absl::Status EmitStatus(ChannelStatus status) override {
    statuses.push_back(status);
    return absl::OkStatus();
  }
};

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_OPERATORS_COLLECTING_OUTPUT_H_
