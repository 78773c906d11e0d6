#include "coordinator/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/fakes/faulty_blob_store.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Level = Finding::Level;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kGiB = int64_t{1} << 30;

TEST(JudgeTest, ClocksMayDifferALittle) {
  EXPECT_EQ(JudgeClock("w", 0).level, Level::kOk);
  EXPECT_EQ(JudgeClock("w", -2 * kSecond).level, Level::kOk);
  const Finding ahead = JudgeClock("w", 3 * kSecond);
  EXPECT_EQ(ahead.level, Level::kWarning);
  EXPECT_THAT(ahead.message, HasSubstr("3s ahead of the coordinator's clock"));
  const Finding behind = JudgeClock("w", -600 * kSecond);
  EXPECT_EQ(behind.level, Level::kProblem);
  EXPECT_THAT(behind.message, HasSubstr("10m behind"));
  EXPECT_THAT(behind.fix, HasSubstr("chrony"));
}

TEST(JudgeTest, OpenFiles) {
  EXPECT_EQ(JudgeOpenFiles("w", 65'536).level, Level::kOk);
  EXPECT_EQ(JudgeOpenFiles("w", 0).level, Level::kOk) << "not known is no finding";
  EXPECT_EQ(JudgeOpenFiles("w", 1'024).level, Level::kWarning);
  EXPECT_EQ(JudgeOpenFiles("w", 256).level, Level::kProblem);
  EXPECT_THAT(JudgeOpenFiles("w", 256).fix, HasSubstr("ulimit -n"));
}

TEST(JudgeTest, Disk) {
  EXPECT_EQ(JudgeDisk("w", 100 * kGiB, 200 * kGiB).level, Level::kOk);
  EXPECT_EQ(JudgeDisk("w", 0, 0).level, Level::kOk);
  EXPECT_EQ(JudgeDisk("w", 2 * kGiB, 200 * kGiB).level, Level::kWarning);
  EXPECT_EQ(JudgeDisk("w", 0, 200 * kGiB).level, Level::kProblem);
}

TEST(JudgeTest, Memory) {
  EXPECT_EQ(JudgeMemory("w", 8 * kGiB, 10 * kGiB).level, Level::kOk);
  EXPECT_EQ(JudgeMemory("w", 8 * kGiB, 0).level, Level::kOk);
  EXPECT_EQ(JudgeMemory("w", 10 * kGiB, 10 * kGiB).level, Level::kWarning);
  EXPECT_EQ(JudgeMemory("w", 11 * kGiB, 10 * kGiB).level, Level::kProblem);
}

TEST(JudgeTest, Certificates) {
  constexpr int64_t kNow = 1'700'000'000, kDay = 86'400;
  EXPECT_EQ(JudgeCertificate("w", 0, kNow).level, Level::kOk);
  EXPECT_EQ(JudgeCertificate("w", kNow + 15 * kDay, kNow).level, Level::kOk);
  EXPECT_EQ(JudgeCertificate("w", kNow + 13 * kDay, kNow).level, Level::kWarning);
  const Finding expired = JudgeCertificate("w", kNow - 1, kNow);
  EXPECT_EQ(expired.level, Level::kProblem);
  EXPECT_THAT(expired.message, HasSubstr("expired at 2023-11-14 22:13Z"));
}

TEST(JudgeTest, Versions) {
  EXPECT_EQ(JudgeVersion("w", "1.0", "1.0").level, Level::kOk);
  EXPECT_EQ(JudgeVersion("w", "1.0", "1.1").level, Level::kWarning);
}

TEST(JudgeTest, WhateverIsWrongHasAFix) {
  for (const Finding& finding :
       {JudgeClock("w", 3 * kSecond), JudgeOpenFiles("w", 5), JudgeDisk("w", 1, 2),
        JudgeMemory("w", 2, 1), JudgeCertificate("w", 1, 2), JudgeVersion("w", "a", "b")}) {
    EXPECT_NE(finding.level, Level::kOk);
    EXPECT_NE(finding.fix, "") << finding.check;
    EXPECT_EQ(finding.subject, "w");
  }
}

// A store that doesn't look at conditions.
class CarelessStore : public FaultyBlobStore {
 public:
  bool create = false, change = false;  // careless about
  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override {
    return create ? Replace(name, bytes) : FaultyBlobStore::PutIfAbsent(name, bytes);
  }
  absl::StatusOr<std::string> PutIfVersion(const std::string& name, std::string_view bytes,
                                           const std::string& version) override {
    if (!change) return FaultyBlobStore::PutIfVersion(name, bytes, version);
    if (const absl::Status put = Replace(name, bytes); !put.ok()) return put;
    return "any";
  }
};

class CheckStoreTest : public ::testing::Test {
 protected:
  Finding Check() { return CheckStore(&store_, random_.get(), "coordinator"); }
  CarelessStore store_;
  std::unique_ptr<Random> random_ = SeededRandom(1);
};

TEST_F(CheckStoreTest, AGoodOneIsLeftAsItWas) {
  EXPECT_EQ(Check().level, Level::kOk) << Check().message;
  EXPECT_THAT(store_.Snapshot(), IsEmpty());
}

TEST_F(CheckStoreTest, FindsStoresThatOverwrite) {
  store_.create = true;
  EXPECT_EQ(Check().level, Level::kProblem);
  EXPECT_THAT(Check().message, HasSubstr("If-None-Match is ignored"));
  EXPECT_THAT(Check().fix, HasSubstr("conditional writes"));
  store_.create = false;
  store_.change = true;
  EXPECT_THAT(Check().message, HasSubstr("If-Match is ignored"));
  EXPECT_THAT(store_.Snapshot(), IsEmpty());
}

TEST_F(CheckStoreTest, TellsAwayFromForbidden) {
  store_.PlanPuts({PutFault::kUnavailable});
  const Finding away = Check();
  EXPECT_EQ(away.level, Level::kProblem);
  EXPECT_THAT(away.fix, HasSubstr("can be reached"));
  store_.PlanPuts({PutFault::kDenied});
  EXPECT_THAT(Check().fix, HasSubstr("get, put, list and delete"));
}

TEST(StoreClockTest, ADirectoryHasNone) {
  EXPECT_TRUE(absl::IsNotFound(StoreWallMicros("/data").status()));
}

}  // namespace
}  // namespace weir
