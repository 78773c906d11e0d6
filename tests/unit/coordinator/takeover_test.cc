#include "coordinator/takeover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/io_pool.h"
#include "base/metrics.h"
#include "base/random.h"
#include "coordinator/cluster.h"
#include "coordinator/event_loop.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

constexpr absl::Duration kDeadline = absl::Seconds(20);

// Some blobs can't be read, and readers can be made to wait for each other.
class LogsStore : public FaultyBlobStore {
 public:
  void Break(const std::string& name, absl::Status why) {
    absl::MutexLock lock(&mutex_);
    broken_[name] = std::move(why);
  }
  void Mend() {
    absl::MutexLock lock(&mutex_);
    broken_.clear();
  }
  // Each reader waits until so many have come.
  void Gather(int readers) {
    absl::MutexLock lock(&mutex_);
    gather_ = readers;
  }
  bool gathered() {
    absl::MutexLock lock(&mutex_);
    return came_ >= gather_;
  }

  absl::StatusOr<std::string> Get(const std::string& name) override {
    {
      absl::MutexLock lock(&mutex_);
      if (const auto it = broken_.find(name); it != broken_.end()) return it->second;
      ++came_;
      const auto all = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return came_ >= gather_; };
      mutex_.AwaitWithTimeout(absl::Condition(&all), kDeadline);
    }
    return FaultyBlobStore::Get(name);
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, absl::Status> broken_ ABSL_GUARDED_BY(mutex_);
  int gather_ ABSL_GUARDED_BY(mutex_) = 0;
  int came_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Writes a log, record by record.
class LogWriter {
 public:
  LogWriter(BlobStore* store, const JobId& job, const JobSpec& spec)
      : log_(store, job), wall_ms_(SystemClock()->WallMicros() / 1000) {
    Append(spec);
  }
  int64_t Append(decltype(LogRecord::body) body) {
    LogRecord record = TestRecord(absl::StrCat("record ", state_.tail), std::move(body));
    record.written_ms = wall_ms_;
    const absl::StatusOr<int64_t> n = log_.Append(record, &state_);
    EXPECT_TRUE(n.ok()) << n.status();
    return state_.tail;
  }
  Epoch Publish(const std::vector<std::string>& files, bool savepoint = false) {
    Manifest manifest;
    manifest.generation = state_.generation;
    manifest.checkpoint = CheckpointId(checkpoint_++);
    manifest.savepoint = savepoint;
    OperatorState operator_state;
    operator_state.state_id = "agg";
    for (const std::string& path : files) {
      operator_state.files.emplace_back();
      operator_state.files.back().path = path;
    }
    manifest.states = {operator_state};
    return Epoch(Append(manifest));
  }
  const JobLogState& state() const { return state_; }

 private:
  JobLog log_;
  JobLogState state_;
  const int64_t wall_ms_;
  int64_t checkpoint_ = 0;
};

JobSpec Named(const std::string& name) {
  JobSpec spec = TestSpec();
  spec.name = name;
  spec.lineage = absl::StrCat("lineage of ", name);
  spec.plan.sinks[0].path = absl::StrCat("/tables/", name);
  spec.plan.settings.retain_checkpoints = 1;
  return spec;
}

class ReadLogsTest : public ::testing::Test {
 protected:
  ReadLogsTest() {
    for (const char* job : {"a-1", "b-1", "c-1"}) LogWriter(&store_, job, Named(job));
  }
  LogsStore store_;
  std::map<JobId, FoundLog> found_;
};

TEST_F(ReadLogsTest, KeepsWhatWasReadWhenTheStoreDoesNotAnswer) {
  store_.Break(LogRecordName("b-1", 1), absl::UnavailableError("try again"));
  EXPECT_TRUE(absl::IsUnavailable(ReadLogs(&store_, nullptr, &found_)));
  EXPECT_THAT(found_, ElementsAre(Key("a-1")));
  store_.Mend();
  const int before = store_.gets();
  EXPECT_EQ(ReadLogs(&store_, nullptr, &found_), absl::OkStatus());
  EXPECT_THAT(found_, ElementsAre(Key("a-1"), Key("b-1"), Key("c-1")));
  EXPECT_EQ(store_.gets() - before, 2);
  for (const auto& [id, one] : found_) EXPECT_EQ(one.log.spec->name, id);
}

TEST_F(ReadLogsTest, WhatIsWrongWithOneLogIsInNobodysWay) {
  store_.Break(LogRecordName("a-1", 1), absl::InternalError("EIO"));
  store_.Break(LogRecordName("b-1", 1), absl::PermissionDeniedError("EACCES"));
  store_.Overwrite(LogRecordName("c-1", 1), "garbage");
  LogWriter(&store_, "d-1", Named("d-1"));
  EXPECT_EQ(ReadLogs(&store_, nullptr, &found_), absl::OkStatus());
  EXPECT_TRUE(absl::IsInternal(found_.at("a-1").damage));
  EXPECT_TRUE(absl::IsPermissionDenied(found_.at("b-1").damage));
  EXPECT_TRUE(absl::IsDataLoss(found_.at("c-1").damage));
  EXPECT_EQ(found_.at("d-1").damage, absl::OkStatus());
}

TEST_F(ReadLogsTest, ReadsSeveralAtOnce) {
  const std::unique_ptr<IoPool> pool = MakeIoPool("test", 2);
  store_.Gather(3);
  EXPECT_EQ(ReadLogs(&store_, pool.get(), &found_), absl::OkStatus());
  EXPECT_TRUE(store_.gathered()) << "one after another, nobody would have come but the first";
}

TEST_F(ReadLogsTest, AJobOfARequestThatWasRepeatedCountsOnce) {
  JobSpec spec = Named("twice");
  spec.request_id = "request";
  LogWriter(&store_, "twice-1", spec);
  LogWriter(&store_, "twice-2", spec).Append(StartedRecord{"c", "submitted", 1});
  ASSERT_EQ(ReadLogs(&store_, nullptr, &found_), absl::OkStatus());
  DropUnacknowledged(&found_);
  EXPECT_THAT(found_, ElementsAre(Key("a-1"), Key("b-1"), Key("c-1"), Key("twice-2")));
}

// A whole cluster on such logs, without workers.
class TakeoverTest : public ::testing::Test {
 protected:
  ~TakeoverTest() override {
    if (cluster_ != nullptr) cluster_->ShutDown();
    loop_.Stop();
    pool_.reset();
  }
  void Lead() {
    ClusterDeps deps;
    deps.loop = &loop_;
    deps.pool = pool_.get();
    deps.slow = pool_.get();
    deps.probes = pool_.get();
    deps.blobs = &store_;
    deps.clock = SystemClock();
    deps.random = SystemRandom();
    deps.metrics = metrics_.get();
    deps.confirm_leader = [](const std::function<void(bool)>& done) { done(true); };
    deps.on_role = [this](LeadRole role) {
      absl::MutexLock lock(&mutex_);
      leads_ = role == LeadRole::kLeads;
    };
    cluster_ = std::make_unique<Cluster>(ClusterOptions(), std::move(deps));
    cluster_->Lead(1, "here");
    absl::MutexLock lock(&mutex_);
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&leads_), kDeadline));
  }
  // Waits for the answer to one call.
  template <class T>
  absl::StatusOr<T> Ask(const std::function<void(Cluster::Done<T>)>& call) {
    std::optional<absl::StatusOr<T>> answer;
    call([&](absl::StatusOr<T> done) {
      absl::MutexLock lock(&mutex_);
      answer = std::move(done);
    });
    const auto answered = [&] { return answer.has_value(); };
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&answered), kDeadline)) {
      return absl::DeadlineExceededError("no answer");
    }
    return *answer;
  }
  absl::StatusOr<JobView> Get(const JobId& job) {
    return Ask<JobView>([&](auto done) { cluster_->Get(job, done); });
  }
  static int64_t Soon() { return SystemClock()->MonotonicMicros() + 10'000'000; }

  void Upload(const JobId& job, const std::string& path) {
    ASSERT_TRUE(store_.PutIfAbsent(absl::StrCat("jobs/", job, "/", path), "state").ok());
  }
  bool Exists(const JobId& job, const std::string& path) {
    return store_.Snapshot().contains(absl::StrCat("jobs/", job, "/", path));
  }
  bool AwaitGone(const JobId& job, const std::string& path) {
    for (const int64_t deadline_us = Soon(); SystemClock()->MonotonicMicros() < deadline_us;) {
      if (!Exists(job, path)) return true;
      loop_.Run([] {});
    }
    return false;
  }
  // A job that has ended; `savepoint` says whether its checkpoint with kNeeded is one.
  LogWriter EndedJob(bool savepoint) {
    for (const char* path : {kNeeded, kNewer, kOrphan}) Upload("a-1", path);
    LogWriter log(&store_, "a-1", Named("a"));
    log.Append(StartedRecord{"c", "submitted", 1});
    log.Publish({});
    epoch_ = log.Publish({kNeeded}, savepoint);
    manifest_ = log.state().checkpoints.back().manifest;
    log.Publish({kNewer});
    log.Append(EndedRecord{JobEnd::kStopped, ""});
    return log;
  }
  // One that goes on from there, and waits for slots.
  void WaitingJob() {
    JobSpec spec = Named("b");
    JobOrigin origin;
    origin.job = "a-1";
    origin.lineage = "lineage of a";
    origin.epoch = epoch_;
    origin.manifest = manifest_;
    spec.origin = std::make_shared<const JobOrigin>(origin);
    LogWriter(&store_, "b-1", spec);
  }

  static constexpr char kNeeded[] = "state/agg/0000000002-0-4096-needed.sst";
  static constexpr char kNewer[] = "state/agg/0000000002-0-4096-newer.sst";
  static constexpr char kOrphan[] = "state/agg/0000000002-0-4096-orphan.sst";

  LogsStore store_;
  Epoch epoch_;
  Manifest manifest_;
  std::unique_ptr<Metrics> metrics_ = MakeMetrics();
  std::unique_ptr<IoPool> pool_ = MakeIoPool("test", 2);
  EventLoop loop_{SystemClock()};
  std::unique_ptr<Cluster> cluster_;
  absl::Mutex mutex_;
  bool leads_ = false;
};

TEST_F(TakeoverTest, AnUnreadableLogKeepsNobodyFromLeading) {
  EndedJob(/*savepoint=*/false);
  LogWriter bad(&store_, "bad-1", Named("bad"));
  bad.Append(StartedRecord{"c", "submitted", 1});
  store_.Break(LogRecordName("bad-1", 2), absl::InternalError("reading: Input/output error"));
  Lead();
  const auto shown = Get("bad-1");
  ASSERT_TRUE(shown.ok()) << shown.status();
  EXPECT_EQ(shown->state, JobState::kFailed);
  EXPECT_THAT(shown->reason, HasSubstr("Input/output error"));
  EXPECT_EQ(Get("a-1")->state, JobState::kStopped);
}

TEST_F(TakeoverTest, ADroppedSavepointsFilesStayForAJobThatStillNeedsThem) {
  EndedJob(/*savepoint=*/true);
  WaitingJob();
  Lead();
  const auto dropped =
      Ask<CheckpointView>([&](auto done) { cluster_->DropSavepoint("a-1", epoch_, Soon(), done); });
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  EXPECT_TRUE(AwaitGone("a-1", kOrphan)) << "it was swept";
  EXPECT_TRUE(Exists("a-1", kNeeded));
  EXPECT_TRUE(Exists("a-1", kNewer));
  const auto cancelled = Ask<JobView>([&](auto done) { cluster_->Cancel("b-1", Soon(), done); });
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_TRUE(AwaitGone("a-1", kNeeded)) << "nobody needs it any more";
  EXPECT_TRUE(Exists("a-1", kNewer));
}

TEST_F(TakeoverTest, ADroppedSavepointsFilesGoWhenNobodyNeedsThem) {
  EndedJob(/*savepoint=*/true);
  Lead();
  const auto drop = [&] {
    return Ask<CheckpointView>(
        [&](auto done) { cluster_->DropSavepoint("a-1", epoch_, Soon(), done); });
  };
  ASSERT_TRUE(drop().ok());
  EXPECT_TRUE(AwaitGone("a-1", kNeeded));
  EXPECT_FALSE(drop().ok());
}

// Only the leader before this one knew that they were held.
TEST_F(TakeoverTest, FilesStayThoughTheLogDoesNotKeepTheirCheckpoint) {
  EndedJob(/*savepoint=*/false);
  WaitingJob();
  Lead();
  EXPECT_TRUE(AwaitGone("a-1", kOrphan)) << "it was swept";
  EXPECT_TRUE(Exists("a-1", kNeeded));
}

TEST_F(TakeoverTest, ASavepointOfADamagedJobIsNotDropped) {
  LogWriter log = EndedJob(/*savepoint=*/true);
  const std::string end = LogRecordName("a-1", log.state().tail);
  store_.Overwrite(end, "garbage");
  Lead();
  const auto dropped =
      Ask<CheckpointView>([&](auto done) { cluster_->DropSavepoint("a-1", epoch_, Soon(), done); });
  EXPECT_TRUE(absl::IsFailedPrecondition(dropped.status())) << dropped.status();
  EXPECT_TRUE(Exists("a-1", kNeeded));
  EXPECT_TRUE(Exists("a-1", kOrphan));
}

}  // namespace
}  // namespace weir
