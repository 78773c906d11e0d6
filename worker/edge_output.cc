#include "worker/edge_output.h"

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "model/ids.h"

namespace weir {

struct EdgeOutput::Answers {
  absl::Mutex mutex;
  int64_t count ABSL_GUARDED_BY(mutex) = 0;
  EventTime max ABSL_GUARDED_BY(mutex) = kMinEventTime;
};

EdgeOutput::EdgeOutput() : answers_(std::make_shared<Answers>()) {}

void EdgeOutput::SetSenders(std::vector<std::unique_ptr<ChannelSender>> senders) {
  senders_ = std::move(senders);
  rows_of_task_.resize(senders_.size());
}

absl::Status EdgeOutput::SendRows(Batch batch) {
  const int64_t rows = batch.num_rows();
  if (rows == 0) return absl::OkStatus();
  rows_sent_ += rows;
  if (senders_.size() == 1) return senders_[0]->Send(std::move(batch));

  const arrow::Array& column = *batch.columns->column(0);
  WEIR_CHECK(column.type_id() == arrow::Type::UINT16, "column 0 of an edge is the key group");
  const uint16_t* groups = static_cast<const arrow::UInt16Array&>(column).raw_values();
  for (std::vector<uint32_t>& chosen : rows_of_task_) chosen.clear();
  const int parallelism = static_cast<int>(senders_.size());
  for (int64_t i = 0; i < rows; ++i) {
    rows_of_task_[TaskOfKeyGroup(groups[i], parallelism)].push_back(static_cast<uint32_t>(i));
  }
  for (size_t task = 0; task < senders_.size(); ++task) {
    const std::vector<uint32_t>& chosen = rows_of_task_[task];
    if (chosen.empty()) continue;
    const bool all = static_cast<int64_t>(chosen.size()) == rows;
    WEIR_RETURN_IF_ERROR(senders_[task]->Send(all ? batch : TakeRows(batch, chosen)));
  }
  return absl::OkStatus();
}

absl::Status EdgeOutput::Broadcast(const Element& marker) {
  const StatusChange* status = std::get_if<StatusChange>(&marker);
  if (status != nullptr && status->status == ChannelStatus::kActive) {
    asked_ += static_cast<int64_t>(senders_.size());
    echo_.complete = false;
  }
  for (const std::unique_ptr<ChannelSender>& sender : senders_) {
    WEIR_RETURN_IF_ERROR(sender->Send(marker));
  }
  return absl::OkStatus();
}

bool EdgeOutput::CanSend() const {
  return std::all_of(senders_.begin(), senders_.end(),
                     [](const std::unique_ptr<ChannelSender>& s) { return s->CanSend(); });
}

int64_t EdgeOutput::remote_bytes() const {
  int64_t bytes = 0;
  for (const std::unique_ptr<ChannelSender>& sender : senders_) bytes += sender->remote_bytes();
  return bytes;
}

std::function<void(EventTime)> EdgeOutput::EchoCallback() const {
  return [answers = answers_](EventTime time) {
    absl::MutexLock lock(&answers->mutex);
    ++answers->count;
    answers->max = std::max(answers->max, time);
  };
}

void EdgeOutput::RefreshEcho() {
  if (echo_.complete) return;
  absl::MutexLock lock(&answers_->mutex);
  echo_.max = std::max(echo_.max, answers_->max);
  echo_.complete = answers_->count == asked_;
}

}  // namespace weir
