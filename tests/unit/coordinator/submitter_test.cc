// Who still waits for a submit's answer decides whether a job comes of it.
#include "coordinator/submitter.h"

#include <atomic>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/random.h"
#include "coordinator/event_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lake/table_committer.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// Says when it is looked for and made; the rest isn't asked here.
class TableThatIsMade : public TableCommitter {
 public:
  explicit TableThatIsMade(std::function<void(bool create)> on_prepare)
      : on_prepare_(std::move(on_prepare)) {}
  absl::StatusOr<TableState> Prepare(const Schema&, const std::string&, bool create) override {
    on_prepare_(create);
    if (!create) return absl::NotFoundError("no table");
    return TableState();
  }
  absl::StatusOr<CommitResult> Commit(const TableCommit&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<RollbackResult> Rollback(const TableRollback&) override {
    return absl::UnimplementedError("");
  }

 private:
  const std::function<void(bool)> on_prepare_;
};

// Steps on the pool happen when the test says so.
class StepwisePool : public IoPool {
 public:
  void Run(std::function<void()> work) override { queued_.push_back(std::move(work)); }
  bool Step() {
    if (queued_.empty()) return false;
    const auto work = std::move(queued_.front());
    queued_.pop_front();
    work();
    return true;
  }

 private:
  std::deque<std::function<void()>> queued_;
};

class SubmitterTest : public ::testing::Test {
 protected:
  SubmitterTest() {
    Submitter::Deps deps;
    deps.loop = &loop_;
    deps.pool = &pool_;
    deps.blobs = blobs_.get();
    deps.clock = SystemClock();
    deps.random = SystemRandom();
    deps.make_committer = [this](const std::string&) {
      return std::make_unique<TableThatIsMade>([this](bool create) {
        if (create) ++tables_made_;
        if (on_prepare_) on_prepare_(create);
      });
    };
    deps.compile = [this](const std::string&, const std::map<std::string, std::string>&) {
      ++compiled_;
      CompiledJob job;
      job.plan = TestSpec().plan;
      job.plan.sinks[0].path = directory_ / "table";
      return absl::StatusOr<CompiledJob>(job);
    };
    deps.has_workers = [] { return false; };
    deps.job_of_name = [](const std::string&) { return JobId(); };
    deps.job_of_table = deps.job_of_name;
    submitter_ = std::make_unique<Submitter>(deps);
  }
  ~SubmitterTest() override { loop_.Stop(); }

  struct Call {
    std::atomic<bool> gone{false};
    std::vector<absl::Status> answers;  // on the loop
  };
  std::shared_ptr<Call> SubmitOnLoop(const std::string& request_id) {
    auto call = std::make_shared<Call>();
    SubmitArgs args;
    args.name = "job";
    args.request_id = request_id;
    submitter_->Submit(args, {[call](absl::StatusOr<Submitted> submitted) {
                                call->answers.push_back(submitted.status());
                              },
                              [call] { return call->gone.load(); }});
    return call;
  }
  std::shared_ptr<Call> Submit(const std::string& request_id = "") {
    std::shared_ptr<Call> call;
    loop_.Run([&] { call = SubmitOnLoop(request_id); });
    return call;
  }
  void RunAll() {
    do loop_.Run([] {});
    while (pool_.Step());
  }
  std::vector<std::string> JobsRecorded() {
    std::vector<std::string> names;
    const std::vector<BlobStore::Entry> entries =
        blobs_->List("jobs/", "").value_or(std::vector<BlobStore::Entry>());
    for (const BlobStore::Entry& entry : entries) names.push_back(entry.name);
    return names;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<BlobStore> blobs_ = *OpenBlobStore(directory_ / "data");
  StepwisePool pool_;
  EventLoop loop_{SystemClock()};
  std::unique_ptr<Submitter> submitter_;
  std::function<void(bool)> on_prepare_;
  int compiled_ = 0;
  int tables_made_ = 0;
};

TEST_F(SubmitterTest, ACallerWhoWaitsGetsAJob) {
  const auto call = Submit();
  RunAll();
  ASSERT_THAT(call->answers, SizeIs(1));
  EXPECT_TRUE(call->answers[0].ok()) << call->answers[0];
  EXPECT_THAT(JobsRecorded(), SizeIs(1));
}

TEST_F(SubmitterTest, WhoIsGoneBeforeItBeginsCostsNothing) {
  const auto call = Submit();
  call->gone = true;
  RunAll();
  ASSERT_THAT(call->answers, SizeIs(1));
  EXPECT_TRUE(absl::IsCancelled(call->answers[0])) << call->answers[0];
  EXPECT_EQ(compiled_, 0);
}

TEST_F(SubmitterTest, WhoGoesWhileTablesAreCheckedLeavesNothingBehind) {
  const auto call = Submit();
  on_prepare_ = [&](bool) { call->gone = true; };
  RunAll();
  ASSERT_THAT(call->answers, SizeIs(1));
  EXPECT_TRUE(absl::IsCancelled(call->answers[0])) << call->answers[0];
  EXPECT_EQ(tables_made_, 0);
  EXPECT_THAT(JobsRecorded(), IsEmpty());
}

TEST_F(SubmitterTest, WhoGoesWhileTablesAreMadeGetsNoJob) {
  const auto call = Submit();
  on_prepare_ = [&](bool create) { call->gone = create; };
  RunAll();
  ASSERT_THAT(call->answers, SizeIs(1));
  EXPECT_TRUE(absl::IsCancelled(call->answers[0])) << call->answers[0];
  EXPECT_THAT(JobsRecorded(), IsEmpty());
  // Its name and table are free again.
  on_prepare_ = nullptr;
  const auto next = Submit();
  RunAll();
  ASSERT_THAT(next->answers, SizeIs(1));
  EXPECT_TRUE(next->answers[0].ok()) << next->answers[0];
}

TEST_F(SubmitterTest, OneWhoRepeatedTheRequestAndWaitsIsEnough) {
  const auto first = Submit("request");
  const auto second = Submit("request");
  first->gone = true;
  RunAll();
  ASSERT_THAT(second->answers, SizeIs(1));
  EXPECT_TRUE(second->answers[0].ok()) << second->answers[0];
  EXPECT_THAT(JobsRecorded(), SizeIs(1));
}

TEST_F(SubmitterTest, WhoRepeatsItAfterAllOthersHadGoneIsServed) {
  const auto first = Submit("request");
  first->gone = true;
  std::shared_ptr<Call> second;
  loop_.Run([&] {
    ASSERT_TRUE(pool_.Step());  // finds that nobody waits; the loop hears of it after this
    second = SubmitOnLoop("request");
  });
  RunAll();
  ASSERT_THAT(first->answers, SizeIs(1));
  EXPECT_TRUE(absl::IsCancelled(first->answers[0]));
  ASSERT_THAT(second->answers, SizeIs(1));
  EXPECT_TRUE(second->answers[0].ok()) << second->answers[0];
  EXPECT_THAT(JobsRecorded(), SizeIs(1));
}

}  // namespace
}  // namespace weir
