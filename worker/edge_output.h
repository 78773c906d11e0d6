// One outgoing edge of a task: a channel to every task of the vertex behind it.
#ifndef WEIR_WORKER_EDGE_OUTPUT_H_
#define WEIR_WORKER_EDGE_OUTPUT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "operators/operator.h"
#include "worker/channel_sender.h"

namespace weir {

// Slot thread of the sending task.
class EdgeOutput {
 public:
  EdgeOutput();
  EdgeOutput(const EdgeOutput&) = delete;
  EdgeOutput& operator=(const EdgeOutput&) = delete;

  // Channel i leads to task i. Once, before any other call.
  void SetSenders(std::vector<std::unique_ptr<ChannelSender>> senders);

  // Sends each row to the task that owns its key group (column 0, uint16).
  absl::Status SendRows(Batch batch);
  // Sends the marker to every task. After StatusChange(kActive), echo() is incomplete until every
  // owner has answered it.
  absl::Status Broadcast(const Element& marker);
  // Whether every channel takes data.
  bool CanSend() const;
  int64_t remote_bytes() const;

  // To be called, on any thread, when an owner answered with its watermark; also after the edge has
  // gone.
  std::function<void(EventTime)> EchoCallback() const;
  // Takes in the answers that arrived. echo() changes only here and in Broadcast.
  void RefreshEcho();
  const OwnerEcho* echo() const { return &echo_; }

  int64_t rows_sent() const { return rows_sent_; }

 private:
  std::vector<std::unique_ptr<ChannelSender>> senders_;
  std::vector<std::vector<uint32_t>> rows_of_task_;  // scratch of SendRows
  OwnerEcho echo_;
  int64_t asked_ = 0;  // answers expected since the start
  int64_t rows_sent_ = 0;

  struct Answers;
  std::shared_ptr<Answers> answers_;  // shared with the callbacks, which may outlive the edge
};

}  // namespace weir

#endif  // WEIR_WORKER_EDGE_OUTPUT_H_
