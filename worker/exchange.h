// Channels between workers: one gRPC stream a peer and direction, credits in bytes a channel, so
// that one blocked channel never stops another's barrier. Wire: proto/weir/v1/exchange.proto.
#ifndef WEIR_WORKER_EXCHANGE_H_
#define WEIR_WORKER_EXCHANGE_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "base/transport.h"
#include "model/ids.h"
#include "worker/channel_sender.h"
#include "worker/inbox.h"

namespace weir {

class MemoryBudget;

// One channel of one generation of a job.
struct ChannelKey {
  JobId job;
  Generation generation;
  int edge = 0;  // index into Plan::edges
  int from_task = 0;
  int to_task = 0;
  friend auto operator<=>(const ChannelKey&, const ChannelKey&) = default;
};

// The stream to the worker at `address` broke: no fault of the task that notices.
absl::Status PeerLostError(const std::string& address);
bool IsPeerLost(const absl::Status& status);

// Thread-safe.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // Serves the receiving side at `address` (port 0 = any) until the end; once, before all else.
  // Returns the port. FAILED_PRECONDITION when the address can't be listened on, INVALID_ARGUMENT
  // when the transport doesn't allow it.
  virtual absl::StatusOr<int> Listen(const std::string& address) = 0;

  // Frames of `key` go into `inbox` until Close. Rows are decoded with `schema`. The inbox must
  // outlive Close.
  virtual void Open(const ChannelKey& key, std::shared_ptr<arrow::Schema> schema, Inbox* inbox) = 0;
  // To be called by the inbox's owner when `bytes` of data were taken out: the sender may send that
  // much more.
  virtual void Grant(const ChannelKey& key, int64_t bytes) = 0;
  // Answers a StatusChange(kActive) of the channel.
  virtual void Echo(const ChannelKey& key, EventTime time) = 0;
  // Frames of the job's generations up to this one are dropped from now on.
  virtual void Close(const JobId& job, Generation generation) = 0;

  // A channel to a task of the worker at `address`. Connects in the background; a channel that
  // can't be established breaks on Send.
  virtual std::unique_ptr<ChannelSender> Connect(const std::string& address, const ChannelKey& key,
                                                 ChannelFeedback feedback) = 0;

  // Breaks all streams and stops serving; no inbox is touched afterwards.
  virtual void Shutdown() = 0;

  struct Traffic {
    int64_t bytes_sent = 0;
    int64_t bytes_received = 0;
  };
  virtual Traffic traffic() const = 0;
};

// `memory` (may be null) counts what waits to be sent; it outlives the exchange.
// Peers are workers of `transport`; nobody else gets a stream.
std::unique_ptr<Exchange> MakeExchange(MemoryBudget* memory = nullptr,
                                       SharedTransport transport = PlainTransport());

}  // namespace weir

#endif  // WEIR_WORKER_EXCHANGE_H_
