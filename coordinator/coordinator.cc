#include "coordinator/coordinator.h"

#include <utility>

#include "coordinator/coordinator_seams.h"
#include "lake/table_committer.h"
#include "sql/compile.h"
#include "sql/explain.h"

namespace weir {

absl::StatusOr<std::unique_ptr<Coordinator>> StartCoordinator(const CoordinatorOptions& options,
                                                              Clock* clock, Random* random,
                                                              Metrics* metrics) {
  CoordinatorSeams seams;
  seams.compile =
      [base = options.base_directory](
          const std::string& script,
          const std::map<std::string, std::string>& variables) -> absl::StatusOr<CompiledJob> {
    absl::StatusOr<CompiledScript> compiled = CompileScript(script, {variables, base});
    if (!compiled.ok()) return compiled.status();
    return CompiledJob{std::move(compiled->plan), std::move(compiled->filled_script),
                       std::move(compiled->warnings), compiled->explain_only};
  };
  seams.explain = ExplainPlan;
  seams.make_committer = [roots = options.table_roots, clock, random](const std::string& path) {
    return MakeDeltaCommitter(path, roots, clock, random);
  };
  return StartCoordinatorWith(options, std::move(seams), clock, random, metrics);
}

}  // namespace weir
