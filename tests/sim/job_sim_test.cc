// Seeds through tests/sim/job_sim.h. WEIR_SIM_SEED runs one seed alone; WEIR_SIM_RUNS sets how
// many, WEIR_SIM_FROM the first.
#include "tests/sim/job_sim.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fakes/seeds.h"

namespace weir {
namespace {

TEST(JobSim, EveryVersionIsTheQueryOverThePrefixThatItsEpochNames) {
  const Seeds seeds(300);
  SimTotals totals;
  for (uint32_t seed = seeds.first; seed <= seeds.last; ++seed) {
    ASSERT_EQ(JobSim(seed, JobSim::Mutant::kNone, &totals).Run(), "")
        << "repeat with WEIR_SIM_SEED=" << seed;
  }
  if (seeds.alone) return;
  // The schedules reach what they should: a simulation that only fails proves little.
  EXPECT_GT(totals.ends[JobEnd::kStopped], 0);
  EXPECT_GT(totals.ends[JobEnd::kFinished], 0);
  EXPECT_GT(totals.ends[JobEnd::kFailed], 0);
  for (const auto& [what, count] :
       std::map<std::string, int64_t>{{"versions", totals.versions},
                                      {"epochs", totals.epochs},
                                      {"generations", totals.generations},
                                      {"takeovers", totals.takeovers},
                                      {"zombie writes", totals.zombie_writes},
                                      {"late rows", totals.late_rows},
                                      {"idle spells", totals.idle_spells},
                                      {"rescaled", totals.rescaled},
                                      {"drained", totals.drained},
                                      {"damaged", totals.damaged},
                                      {"fallbacks", totals.fallbacks},
                                      {"crashes", totals.crashes},
                                      {"lost answers", totals.lost_answers}}) {
    EXPECT_GT(count, 0) << what;
    RecordProperty(what, absl::StrCat(count));
  }
}

// Seeds that once found a mistake in the engine (docs/reliability.md).
TEST(JobSim, SeedsThatOnceFailed) {
  SimTotals totals;
  for (const uint32_t seed : {153615}) {
    EXPECT_EQ(JobSim(seed, JobSim::Mutant::kNone, &totals).Run(), "") << seed;
  }
}

// The checks notice a broken rule within a few seeds.
class Mutants : public testing::TestWithParam<JobSim::Mutant> {};

TEST_P(Mutants, IsCaught) {
  SimTotals totals;
  uint32_t seed = 1;
  while (seed <= 400 && JobSim(seed, GetParam(), &totals).Run().empty()) ++seed;
  EXPECT_LE(seed, 400) << "no seed noticed it";
}

INSTANTIATE_TEST_SUITE_P(JobSim, Mutants,
                         testing::Values(JobSim::Mutant::kDropRow, JobSim::Mutant::kRepeatCommit,
                                         JobSim::Mutant::kIgnoreLostAnswer));

}  // namespace
}  // namespace weir
