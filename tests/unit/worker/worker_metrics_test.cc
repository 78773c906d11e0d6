#include "worker/worker_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/metrics.h"
#include "operators/worker_memory.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkerMetricsTest : public ::testing::Test {
 protected:
  static JobStats Job(int64_t generation, const std::vector<int>& tasks, int64_t records = 0) {
    JobStats job;
    job.job = "activity-1";
    job.generation = Generation(generation);
    for (const int index : tasks) {
      TaskStats stats;
      stats.task = {.vertex = 0, .index = index};
      stats.state.bytes = 100 + index;
      stats.has_source = true;
      stats.source.records = records;
      job.tasks.push_back(stats);
    }
    return job;
  }
  void Update(const std::vector<JobStats>& jobs) { worker_.Update(jobs, {}, 0, true); }
  std::string Text() { return metrics_->Serialize(); }

  FakeClock clock_;
  std::unique_ptr<Metrics> metrics_ = MakeMetrics();
  const WorkerMemory memory_{*PlanMemory(512 << 20, 1)};
  WorkerMetrics worker_{metrics_.get(), &clock_, "1", &memory_};
};

TEST_F(WorkerMetricsTest, ATaskThatMovedAwayLeavesItsCountersOnly) {
  Update({Job(1, {0, 1}, 10)});
  EXPECT_THAT(Text(),
              HasSubstr("weir_state_bytes{job=\"activity-1\",task=\"1\",vertex=\"0\"} 101"));
  Update({Job(2, {0}, 5)});
  EXPECT_THAT(
      Text(),
      AllOf(HasSubstr("weir_state_bytes{job=\"activity-1\",task=\"0\",vertex=\"0\"} 100"),
            Not(HasSubstr("weir_state_bytes{job=\"activity-1\",task=\"1\"")),
            HasSubstr("weir_source_records_total{job=\"activity-1\",task=\"0\",vertex=\"0\"} 15"),
            HasSubstr("weir_source_records_total{job=\"activity-1\",task=\"1\",vertex=\"0\"} 10")));
}

TEST_F(WorkerMetricsTest, AJobThatIsGoneLeavesNothingOfItsTasks) {
  metrics_->GetGauge("weir_job_state", "The coordinator's.", {{"job", "activity-1"}})->Set(1);
  Update({Job(1, {0, 1})});
  Update({Job(2, {0})});
  Update({});
  EXPECT_THAT(Text(),
              AllOf(Not(HasSubstr("task=")), HasSubstr("weir_job_state{job=\"activity-1\"} 1")));
}

TEST_F(WorkerMetricsTest, CountersGoOnWhenAGenerationBeginsAgain) {
  Update({Job(1, {0}, 10)});
  Update({Job(1, {0}, 12)});
  Update({Job(2, {0}, 0)});
  Update({Job(2, {0}, 3)});
  EXPECT_THAT(
      Text(),
      HasSubstr("weir_source_records_total{job=\"activity-1\",task=\"0\",vertex=\"0\"} 15"));
}

}  // namespace
}  // namespace weir
