#include "operators/bad_rows.h"

#include <string>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "gtest/gtest.h"
#include "operators/operator.h"
#include "operators/row_samples.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/operators/collecting_output.h"
#include "tests/unit/operators/expr/expr_builders.h"

namespace weir {
namespace {

// Two records of partition 3: a key with a payload, and a tombstone without key.
RawRecords TwoRecords() {
  RawRecords raw;
  raw.partition = 3;
  raw.arena = "key{broken";
  raw.key_begin = {0, -1};
  raw.key_end = {3, -1};
  raw.payload_begin = {3, -1};
  raw.payload_end = {10, -1};
  raw.offsets = {100, 105};
  raw.timestamps_ms = {-1, -1};
  return raw;
}

class BadRowsTest : public ::testing::Test {
 protected:
  BadRowsTest() {
    plan_.inserts = {{0, "a", 0}, {1, "b", 0}, {2, "c", 1}};
    context_.topic = "clicks";
    context_.plan = &plan_;
    context_.clock = &clock_;
    context_.counters = &counters_;
    context_.task = {0, 0};
    spec_.on_bad_row = BadRowPolicy::kSkip;
  }

  FakeClock clock_;
  Plan plan_;
  std::map<int, InsertCounters> counters_;
  OperatorContext context_;
  OperatorSpec spec_;
  CollectingOutput out_;
};

TEST_F(BadRowsTest, SharedOperatorCountsForEveryInsertOfItsVertex) {
  BadRowReporter reporter(spec_, context_);
  EXPECT_TRUE(reporter.Report(TwoRecords(), 0, kBadSyntax, "no").ok());
  EXPECT_TRUE(reporter.Report(TwoRecords(), 1, kBadType, "no").ok());
  EXPECT_EQ(counters_[0].bad, (std::map<std::string, int64_t>{{"syntax", 1}, {"wrong_type", 1}}));
  EXPECT_EQ(counters_[1].bad_total(), 2);
  EXPECT_EQ(counters_[2].bad_total(), 0);
  EXPECT_TRUE(reporter.Flush(out_).ok());
  EXPECT_TRUE(out_.batches.empty());  // skipped rows go nowhere
}

TEST_F(BadRowsTest, OwnOperatorCountsForItsInsertOnly) {
  spec_.insert = 1;
  BadRowReporter reporter(spec_, context_);
  EXPECT_TRUE(reporter.Report(TwoRecords(), 0, kBadExpression, "no").ok());
  EXPECT_EQ(counters_[0].bad_total(), 0);
  EXPECT_EQ(counters_[1].bad_total(), 1);
}

TEST_F(BadRowsTest, KeepsSamples) {
  RowSamples samples;
  context_.samples = &samples;
  BadRowReporter reporter(spec_, context_);
  EXPECT_TRUE(reporter.Report(TwoRecords(), 0, kBadSyntax, "no object").ok());
  EXPECT_TRUE(reporter.Report(TwoRecords(), 1, kBadMissing, "no payload").ok());
  const std::vector<RowSample> all = samples.All();
  ASSERT_EQ(all.size(), 2u);
  const int64_t now_ms = clock_.WallMicros() / 1000;
  EXPECT_EQ(all[0], (RowSample{"syntax", "no object", "{broken", 3, 100, now_ms}));
  EXPECT_EQ(all[1], (RowSample{"missing_not_null", "no payload", "", 3, 105, now_ms}));
}

TEST_F(BadRowsTest, AFloodOfBadRowsIsCountedNotSampled) {
  RowSamples samples;
  context_.samples = &samples;
  BadRowReporter reporter(spec_, context_);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(reporter.Report(TwoRecords(), 0, kBadSyntax, "no").ok());
  }
  EXPECT_EQ(counters_[0].bad_total(), 100);
  EXPECT_EQ(samples.All().size(), kSamplesKept);
}

TEST_F(BadRowsTest, FailNamesTheRecordAndTheWayOut) {
  spec_.on_bad_row = BadRowPolicy::kFail;
  BadRowReporter reporter(spec_, context_);
  const absl::Status status = reporter.Report(TwoRecords(), 1, kBadSyntax, "odd bytes");
  EXPECT_TRUE(IsFatal(status));
  const std::string message(status.message());
  for (const char* part : {"clicks", "partition 3", "offset 105", "odd bytes", "on_bad_row"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
}

TEST_F(BadRowsTest, OrdinaryErrorsAreNotFatal) {
  EXPECT_FALSE(IsFatal(absl::OkStatus()));
  EXPECT_FALSE(IsFatal(absl::FailedPreconditionError("disk full")));
  EXPECT_TRUE(IsFatal(FatalError("stop")));
}

TEST_F(BadRowsTest, DeadLettersKeepEveryByte) {
  spec_.on_bad_row = BadRowPolicy::kDeadLetter;
  BadRowReporter reporter(spec_, context_);
  EXPECT_TRUE(reporter.Report(TwoRecords(), 0, kBadSyntax, "first").ok());
  EXPECT_TRUE(reporter.Report(TwoRecords(), 1, kBadSyntax, "second").ok());
  EXPECT_TRUE(reporter.Flush(out_).ok());
  EXPECT_TRUE(reporter.Flush(out_).ok());  // nothing is left
  ASSERT_EQ(out_.batches[1].size(), 1u);
  const Schema schema = DeadLetterSchema();
  const auto& columns = *out_.batches[1][0].columns;
  EXPECT_TRUE(columns.schema()->Equals(*ArrowSchema(schema)));
  EXPECT_TRUE(columns.ValidateFull().ok());
  std::vector<std::string> rows(2);
  for (int i = 0; i < schema.size(); ++i) {
    const auto texts = Texts(columns.column(i), schema.columns[i].type);
    for (int row = 0; row < 2; ++row) rows[row] += texts[row] + "|";
  }
  EXPECT_EQ(rows[0], "clicks|3|100|\\x6b6579|\\x7b62726f6b656e|first|2023-11-14 22:13:20+00|");
  EXPECT_EQ(rows[1], "clicks|3|105|NULL|NULL|second|2023-11-14 22:13:20+00|");
}

}  // namespace
}  // namespace weir
