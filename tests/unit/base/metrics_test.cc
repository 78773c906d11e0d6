#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, PrintsPrometheusText) {
  auto metrics = MakeMetrics();
  metrics->GetCounter("weir_bad_rows_total", "Bad rows.", {{"job", "a"}})->Add(3);
  metrics->GetGauge("weir_lag", "Lag.", {})->Set(-2.5);
  Histogram* histogram = metrics->GetHistogram("weir_commit_seconds", "Commits.", {}, {0.1, 1});
  histogram->Observe(0.05);
  histogram->Observe(5);
  EXPECT_THAT(metrics->Serialize(),
              AllOf(HasSubstr("# HELP weir_bad_rows_total Bad rows.\n"),
                    HasSubstr("# TYPE weir_bad_rows_total counter\n"),
                    HasSubstr("weir_bad_rows_total{job=\"a\"} 3\n"), HasSubstr("weir_lag -2.5\n"),
                    HasSubstr("weir_commit_seconds_bucket{le=\"0.1\"} 1\n"),
                    HasSubstr("weir_commit_seconds_bucket{le=\"+Inf\"} 2\n"),
                    HasSubstr("weir_commit_seconds_count 2\n")));
}

TEST(MetricsTest, GivesTheSameSeriesForTheSameLabels) {
  auto metrics = MakeMetrics();
  Counter* one = metrics->GetCounter("weir_rows_total", "Rows.", {{"job", "a"}});
  EXPECT_EQ(metrics->GetCounter("weir_rows_total", "Other help.", {{"job", "a"}}), one);
  EXPECT_NE(metrics->GetCounter("weir_rows_total", "Rows.", {{"job", "b"}}), one);
  EXPECT_THAT(metrics->Serialize(), Not(HasSubstr("Other help")));
}

TEST(MetricsTest, RemovesTheSeriesOfOneJob) {
  auto metrics = MakeMetrics();
  metrics->GetCounter("weir_rows_total", "Rows.", {{"job", "a"}, {"task", "0"}})->Add(1);
  metrics->GetCounter("weir_rows_total", "Rows.", {{"job", "b"}})->Add(2);
  metrics->GetGauge("weir_lag", "Lag.", {{"job", "a"}})->Set(7);
  metrics->GetGauge("weir_up", "Up.", {})->Set(1);
  metrics->RemoveSeries({{"job", "a"}});
  EXPECT_THAT(metrics->Serialize(),
              AllOf(Not(HasSubstr("job=\"a\"")), HasSubstr("weir_rows_total{job=\"b\"} 2\n"),
                    HasSubstr("weir_up 1\n")));
  metrics->GetCounter("weir_rows_total", "Rows.", {{"job", "a"}, {"task", "0"}})->Add(5);
  EXPECT_THAT(metrics->Serialize(), HasSubstr("weir_rows_total{job=\"a\",task=\"0\"} 5\n"));
}

TEST(MetricsTest, RemovesOnlyWhatCarriesAllLabels) {
  auto metrics = MakeMetrics();
  metrics->GetGauge("weir_lag", "Lag.", {{"job", "a"}, {"task", "0"}})->Set(1);
  metrics->GetGauge("weir_lag", "Lag.", {{"job", "a"}, {"task", "1"}})->Set(2);
  metrics->GetGauge("weir_lag", "Lag.", {{"job", "b"}, {"task", "0"}})->Set(3);
  metrics->GetGauge("weir_lag", "Lag.", {{"job", "a"}})->Set(4);
  metrics->GetCounter("weir_rows_total", "Rows.", {{"job", "a"}, {"task", "0"}})->Add(5);
  metrics->RemoveGauges({{"job", "a"}, {"task", "0"}});
  EXPECT_THAT(metrics->Serialize(), AllOf(Not(HasSubstr("weir_lag{job=\"a\",task=\"0\"}")),
                                          HasSubstr("weir_lag{job=\"a\",task=\"1\"} 2\n"),
                                          HasSubstr("weir_lag{job=\"b\",task=\"0\"} 3\n"),
                                          HasSubstr("weir_lag{job=\"a\"} 4\n"),
                                          HasSubstr("weir_rows_total{job=\"a\",task=\"0\"} 5\n")));
}

TEST(MetricsTest, CountsFromManyThreads) {
  auto metrics = MakeMetrics();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) metrics->GetCounter("weir_x_total", "X.", {})->Add(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics->Serialize(), HasSubstr("weir_x_total 4000\n"));
}

TEST(MetricsDeathTest, OneNameIsOneKind) {
  auto metrics = MakeMetrics();
  metrics->GetCounter("weir_x", "X.", {});
  EXPECT_DEATH(metrics->GetGauge("weir_x", "X.", {}), "another kind of metric: weir_x");
}

}  // namespace
}  // namespace weir
