#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "arrow/type.h"
#include "base/address.h"
#include "base/log.h"
#include "base/memory_share.h"
#include "base/status_macros.h"
#include "grpcpp/grpcpp.h"
#include "weir/v1/exchange.grpc.pb.h"
#include "worker/exchange.h"
#include "worker/frame_codec.h"

namespace weir {
namespace {

// A frame holds one batch of at most kBatchRows rows; a larger one breaks its channel, by name.
constexpr int kFrameBytesMax = 64 << 20;
// Of one connection: a peer has one stream for all its channels.
constexpr int kStreamsMax = 8;
// A peer makes one; all workers of a host come from one address.
constexpr int kConnectionsMax = 512;
constexpr int kPerAddressMax = 256;

void FillKey(const ChannelKey& key, v1::ChannelId* out) {
  out->set_job(key.job);
  out->set_generation(key.generation.value);
  out->set_edge(key.edge);
  out->set_from_task(key.from_task);
  out->set_to_task(key.to_task);
}

ChannelKey KeyOf(const v1::ChannelId& in) {
  return {in.job(), Generation(in.generation()), in.edge(), in.from_task(), in.to_task()};
}

// Messages on their way to one stream, written by a thread of its own so that no slot thread waits
// for the network. Bounded by the credits of the channels that use it.
template <class Message>
class WriteQueue {
 public:
  // False, dropping it, when closed.
  bool Push(Message message) {
    absl::MutexLock lock(&mutex_);
    if (closed_) return false;
    messages_.push_back(std::move(message));
    return true;
  }
  // Waits for a message; false when closed.
  bool Pop(Message* message) {
    absl::MutexLock lock(&mutex_);
    auto due = [this]()
                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !messages_.empty(); };
    mutex_.Await(absl::Condition(&due));
    if (closed_) return false;
    *message = std::move(messages_.front());
    messages_.pop_front();
    return true;
  }
  // Returns what nobody will send any more.
  std::deque<Message> Close() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    return std::exchange(messages_, {});
  }

 private:
  absl::Mutex mutex_;
  std::deque<Message> messages_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Credit and callbacks of one outgoing channel; shared by the sender and the link's reader.
struct SenderState {
  ChannelFeedback feedback;
  // The receiver grants the rest of what the channel may hold when it hears of it.
  std::atomic<int64_t> credit{kChannelBytesMin};
};

// The stream to one peer that carries all channels to it.
class PeerLink {
 public:
  PeerLink(const std::string& address, const Transport& transport, MemoryBudget* memory)
      : address_(address), memory_(memory) {
    grpc::ChannelArguments args;
    args.SetMaxSendMessageSize(kFrameBytesMax);
    args.SetInt("grpc.http2.max_frame_size", 1 << 20);
    args.SetInt("grpc.http2.lookahead_bytes", 4 << 20);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto credentials = transport.ForChannel(Identity::kWorker, &args);
    channel_ = grpc::CreateCustomChannel(address, credentials, args);
    stub_ = v1::ExchangeService::NewStub(channel_);
    reader_ = std::thread([this] { ReadFeedback(); });
  }

  ~PeerLink() {
    Break();
    reader_.join();
  }

  void Break() {
    broken_.store(true, std::memory_order_release);
    context_.TryCancel();
    DropFrames();
  }
  bool broken() const { return broken_.load(std::memory_order_acquire); }
  const std::string& address() const { return address_; }

  void Send(v1::Frame frame) {
    const auto bytes = static_cast<int64_t>(frame.data().size());
    Count(bytes);
    if (!frames_.Push(std::move(frame))) Count(-bytes);
  }

  void Add(const ChannelKey& key, std::shared_ptr<SenderState> sender) {
    absl::MutexLock lock(&mutex_);
    senders_[key] = std::move(sender);
  }
  void Remove(const ChannelKey& key) {
    absl::MutexLock lock(&mutex_);
    senders_.erase(key);
  }
  bool unused() const {
    absl::MutexLock lock(&mutex_);
    return senders_.empty();
  }

 private:
  void Count(int64_t bytes) {
    absl::MutexLock lock(&mutex_);
    unsent_bytes_ += bytes;
    memory_.Take(unsent_bytes_);
  }

  void DropFrames() {
    int64_t bytes = 0;
    for (const v1::Frame& frame : frames_.Close()) bytes += frame.data().size();
    Count(-bytes);
  }

  void WriteFrames() {
    SetThreadName("peer/write");
    v1::Frame frame;
    while (frames_.Pop(&frame)) {
      const auto bytes = static_cast<int64_t>(frame.data().size());
      const bool written = stream_->Write(frame);
      Count(-bytes);
      if (!written) break;
    }
    broken_.store(true, std::memory_order_release);
    WakeAll();
  }

  void ReadFeedback() {
    SetThreadName("peer/read");
    // Returns only when the peer has answered or can't be reached: callers don't wait for that.
    stream_ = stub_->Connect(&context_);
    writer_ = std::thread([this] { WriteFrames(); });
    v1::Feedback feedback;
    while (stream_->Read(&feedback)) Take(feedback);
    broken_.store(true, std::memory_order_release);
    DropFrames();
    writer_.join();  // no write may be under way when the call is finished
    const grpc::Status status = stream_->Finish();
    WEIR_LOG(kInfo, "exchange stream ended", {"peer", address_}, {"why", status.error_message()});
    WakeAll();
  }

  void Take(const v1::Feedback& feedback) {
    std::shared_ptr<SenderState> sender = Find(KeyOf(feedback.channel()));
    if (sender == nullptr) return;
    switch (feedback.body_case()) {
      case v1::Feedback::kCreditBytes:
        sender->credit.fetch_add(feedback.credit_bytes(), std::memory_order_relaxed);
        sender->feedback.wake();
        break;
      case v1::Feedback::kEchoUs:
        sender->feedback.echo(EventTime{feedback.echo_us()});
        sender->feedback.wake();
        break;
      case v1::Feedback::kRefused:
        // The receiver's generation moved on; ours is about to be cancelled.
        WEIR_LOG(kInfo, "channel refused", {"peer", address_}, {"why", feedback.refused()});
        break;
      case v1::Feedback::BODY_NOT_SET:
        break;
    }
  }

  std::shared_ptr<SenderState> Find(const ChannelKey& key) {
    absl::MutexLock lock(&mutex_);
    auto found = senders_.find(key);
    return found == senders_.end() ? nullptr : found->second;
  }

  void WakeAll() {
    std::vector<std::shared_ptr<SenderState>> all;
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [key, sender] : senders_) all.push_back(sender);
    }
    for (const std::shared_ptr<SenderState>& sender : all) sender->feedback.wake();
  }

  const std::string address_;
  grpc::ClientContext context_;
  std::shared_ptr<grpc::Channel> channel_;  // shared: gRPC's own ownership
  std::unique_ptr<v1::ExchangeService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::Frame, v1::Feedback>> stream_;
  WriteQueue<v1::Frame> frames_;
  std::atomic<bool> broken_{false};
  mutable absl::Mutex mutex_;
  std::map<ChannelKey, std::shared_ptr<SenderState>> senders_ ABSL_GUARDED_BY(mutex_);
  int64_t unsent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  MemoryShare memory_ ABSL_GUARDED_BY(mutex_);
  std::thread writer_;  // started and joined by reader_
  std::thread reader_;
};

class RemoteSender : public ChannelSender {
 public:
  RemoteSender(ChannelKey key, std::shared_ptr<PeerLink> link, ChannelFeedback feedback,
               std::atomic<int64_t>* bytes_sent)
      : key_(std::move(key)),
        link_(std::move(link)),
        state_(std::make_shared<SenderState>()),
        bytes_sent_(bytes_sent) {
    state_->feedback = std::move(feedback);
    link_->Add(key_, state_);
  }
  ~RemoteSender() override { link_->Remove(key_); }

  // A broken link says yes, so that the next Send reports it.
  bool CanSend() const override {
    return state_->credit.load(std::memory_order_relaxed) > 0 || link_->broken();
  }

  absl::Status Send(Element element) override {
    if (link_->broken()) {
      return PeerLostError(link_->address());
    }
    v1::Frame frame;
    FillKey(key_, frame.mutable_channel());
    frame.set_seq(++seq_);
    if (const Batch* batch = std::get_if<Batch>(&element)) {
      WEIR_ASSIGN_OR_RETURN(std::string bytes, EncodeBatch(*batch));
      if (bytes.size() > kFrameBytesMax - 1024) {
        return absl::OutOfRangeError(
            absl::StrCat("one batch has ", bytes.size(), " bytes; a frame takes ", kFrameBytesMax));
      }
      const int64_t size = static_cast<int64_t>(bytes.size());
      state_->credit.fetch_sub(size, std::memory_order_relaxed);
      bytes_sent_->fetch_add(size, std::memory_order_relaxed);
      remote_bytes_ += size;
      frame.set_data(std::move(bytes));
    } else if (const Watermark* watermark = std::get_if<Watermark>(&element)) {
      frame.set_watermark_us(watermark->time.micros);
    } else if (const Barrier* barrier = std::get_if<Barrier>(&element)) {
      frame.mutable_barrier()->set_checkpoint_id(barrier->id.value);
      frame.mutable_barrier()->set_last(barrier->last);
    } else if (const StatusChange* status = std::get_if<StatusChange>(&element)) {
      frame.set_status(static_cast<int>(status->status));
    } else {
      frame.set_end(true);
    }
    link_->Send(std::move(frame));
    return absl::OkStatus();
  }

  int64_t remote_bytes() const override { return remote_bytes_; }

 private:
  const ChannelKey key_;
  const std::shared_ptr<PeerLink> link_;      // shared by all channels to the peer
  const std::shared_ptr<SenderState> state_;  // shared with the link's reader thread
  std::atomic<int64_t>* const bytes_sent_;
  int64_t seq_ = 0;
  int64_t remote_bytes_ = 0;
};

class ExchangeImpl : public Exchange, public v1::ExchangeService::Service {
 public:
  ExchangeImpl(MemoryBudget* memory, SharedTransport transport)
      : memory_(memory), transport_(std::move(transport)) {}

  absl::StatusOr<int> Listen(const std::string& address) override {
    WEIR_ASSIGN_OR_RETURN(const HostPort parsed, ParseHostPort(address));
    grpc::ServerBuilder builder;
    DropReflection(&builder);
    BoundServer({kFrameBytesMax, kStreamsMax}, &builder);
    WEIR_ASSIGN_OR_RETURN(
        connections_, ListenFor(&builder, *transport_, parsed, {kConnectionsMax, kPerAddressMax}));
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr)
      return absl::InternalError(absl::StrCat("no server could be made for ", address));
    connections_->Start();
    return connections_->port();
  }

  void Open(const ChannelKey& key, std::shared_ptr<arrow::Schema> schema, Inbox* inbox) override {
    absl::MutexLock lock(&mutex_);
    receivers_[key] = Receiver{std::move(schema), inbox, nullptr, 0};
  }

  void Grant(const ChannelKey& key, int64_t bytes) override {
    v1::Feedback feedback;
    FillKey(key, feedback.mutable_channel());
    feedback.set_credit_bytes(bytes);
    Answer(key, std::move(feedback));
  }

  void Echo(const ChannelKey& key, EventTime time) override {
    v1::Feedback feedback;
    FillKey(key, feedback.mutable_channel());
    feedback.set_echo_us(time.micros);
    Answer(key, std::move(feedback));
  }

  void Close(const JobId& job, Generation generation) override {
    absl::MutexLock lock(&mutex_);
    std::erase_if(receivers_, [&](const auto& entry) {
      return entry.first.job == job && entry.first.generation <= generation;
    });
  }

  std::unique_ptr<ChannelSender> Connect(const std::string& address, const ChannelKey& key,
                                         ChannelFeedback feedback) override {
    return std::make_unique<RemoteSender>(key, LinkTo(address), std::move(feedback), &bytes_sent_);
  }

  void Shutdown() override {
    std::map<std::string, std::shared_ptr<PeerLink>> links;
    {
      absl::MutexLock lock(&mutex_);
      receivers_.clear();
      links.swap(links_);
      for (const std::shared_ptr<Feedbacks>& stream : streams_) stream->Close();
    }
    for (const auto& [address, link] : links) link->Break();
    connections_.reset();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  Traffic traffic() const override {
    return {bytes_sent_.load(std::memory_order_relaxed),
            bytes_received_.load(std::memory_order_relaxed)};
  }

  // One peer's frames. A gRPC thread stays here as long as the stream lives.
  grpc::Status Connect(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::Feedback, v1::Frame>* stream) override {
    if (const absl::Status peer = transport_->CheckPeer(*context, Identity::kWorker); !peer.ok()) {
      return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, std::string(peer.message()));
    }
    auto answers = std::make_shared<Feedbacks>();
    {
      absl::MutexLock lock(&mutex_);
      streams_.insert(answers);
    }
    std::thread writer([&] {
      SetThreadName("peer/answer");
      v1::Feedback feedback;
      while (answers->Pop(&feedback) && stream->Write(feedback)) {
      }
    });
    v1::Frame frame;
    grpc::Status result = grpc::Status::OK;
    while (stream->Read(&frame)) {
      if (absl::Status taken = Take(std::move(frame), answers); !taken.ok()) {
        result = grpc::Status(grpc::StatusCode::DATA_LOSS, std::string(taken.message()));
        WEIR_LOG(kError, "exchange frame refused", {"peer", context->peer()},
                 {"why", taken.message()});
        break;
      }
      frame.Clear();
    }
    answers->Close();
    writer.join();
    absl::MutexLock lock(&mutex_);
    streams_.erase(answers);
    return result;
  }

 private:
  using Feedbacks = WriteQueue<v1::Feedback>;
  struct Receiver {
    std::shared_ptr<arrow::Schema> schema;
    Inbox* inbox;
    std::shared_ptr<Feedbacks> answers;  // of the stream that carries the channel; null before it
    int64_t seq = 0;
  };

  absl::Status Take(v1::Frame frame, const std::shared_ptr<Feedbacks>& answers) {
    const ChannelKey key = KeyOf(frame.channel());
    std::shared_ptr<arrow::Schema> schema;
    {
      absl::MutexLock lock(&mutex_);
      auto found = receivers_.find(key);
      if (found == receivers_.end()) {
        v1::Feedback feedback;
        *feedback.mutable_channel() = frame.channel();
        feedback.set_refused(absl::StrCat("job ", key.job, " generation ", key.generation.value,
                                          " isn't deployed here"));
        answers->Push(std::move(feedback));
        return absl::OkStatus();
      }
      Receiver& receiver = found->second;
      if (frame.seq() != receiver.seq + 1) {
        return absl::DataLossError(absl::StrCat("channel ", key.job, "/", key.edge, ": frame ",
                                                frame.seq(), " after ", receiver.seq));
      }
      receiver.seq = frame.seq();
      receiver.answers = answers;
      schema = receiver.schema;
      if (receiver.seq == 1) {
        v1::Feedback feedback;
        *feedback.mutable_channel() = frame.channel();
        feedback.set_credit_bytes(receiver.inbox->capacity() - kChannelBytesMin);
        answers->Push(std::move(feedback));
      }
    }
    const int64_t bytes = static_cast<int64_t>(frame.data().size());
    bytes_received_.fetch_add(bytes, std::memory_order_relaxed);
    WEIR_ASSIGN_OR_RETURN(Element element, ToElement(key.generation, schema, std::move(frame)));
    // Close() may have taken the inbox away meanwhile: only one found under the lock is alive.
    absl::MutexLock lock(&mutex_);
    auto found = receivers_.find(key);
    if (found != receivers_.end()) found->second.inbox->Push(std::move(element), bytes);
    return absl::OkStatus();
  }

  static absl::StatusOr<Element> ToElement(Generation generation,
                                           const std::shared_ptr<arrow::Schema>& schema,
                                           v1::Frame frame) {
    switch (frame.body_case()) {
      case v1::Frame::kData: {
        WEIR_ASSIGN_OR_RETURN(Batch batch, DecodeBatch(schema, std::move(*frame.mutable_data())));
        return Element(std::move(batch));
      }
      case v1::Frame::kWatermarkUs:
        return Element(Watermark{EventTime{frame.watermark_us()}});
      case v1::Frame::kBarrier:
        return Element(Barrier{generation, CheckpointId(frame.barrier().checkpoint_id()),
                               frame.barrier().last()});
      case v1::Frame::kStatus:
        if (frame.status() < 0 || frame.status() > static_cast<int>(ChannelStatus::kFinished)) {
          return absl::DataLossError(absl::StrCat("unknown channel status ", frame.status()));
        }
        return Element(StatusChange{static_cast<ChannelStatus>(frame.status())});
      case v1::Frame::kEnd:
        return Element(End{});
      case v1::Frame::BODY_NOT_SET:
        return absl::DataLossError("a frame without a body");
    }
    return absl::DataLossError("a frame with an unknown body");
  }

  void Answer(const ChannelKey& key, v1::Feedback feedback) {
    absl::MutexLock lock(&mutex_);
    auto found = receivers_.find(key);
    if (found != receivers_.end() && found->second.answers != nullptr) {
      found->second.answers->Push(std::move(feedback));
    }
  }

  std::shared_ptr<PeerLink> LinkTo(const std::string& address) {
    // Ending a link waits for its threads: not under the lock.
    std::vector<std::shared_ptr<PeerLink>> lost;
    absl::MutexLock lock(&mutex_);
    TakeLostLinks(&lost);
    std::shared_ptr<PeerLink>& link = links_[address];
    if (link == nullptr || link->broken()) {
      if (link != nullptr) lost.push_back(std::move(link));
      link = std::make_shared<PeerLink>(address, *transport_, memory_);
    }
    return link;
  }

  // Peers come back under other addresses, so nobody else would ask for these again.
  void TakeLostLinks(std::vector<std::shared_ptr<PeerLink>>* lost)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = links_.begin(); it != links_.end();) {
      if (it->second->broken() && it->second->unused()) {
        lost->push_back(std::move(it->second));
        it = links_.erase(it);
      } else {
        ++it;
      }
    }
  }

  MemoryBudget* const memory_;
  const SharedTransport transport_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionSource> connections_;
  std::atomic<int64_t> bytes_sent_{0};
  std::atomic<int64_t> bytes_received_{0};
  mutable absl::Mutex mutex_;
  std::map<ChannelKey, Receiver> receivers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<PeerLink>> links_ ABSL_GUARDED_BY(mutex_);
  std::set<std::shared_ptr<Feedbacks>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Exchange> MakeExchange(MemoryBudget* memory, SharedTransport transport) {
  return std::make_unique<ExchangeImpl>(memory, std::move(transport));
}

}  // namespace weir
