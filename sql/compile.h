// SQL script to physical plan: the whole of sql/ behind one call. No I/O, no connector is opened.
#ifndef WEIR_SQL_COMPILE_H_
#define WEIR_SQL_COMPILE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/plan.h"

namespace weir {

struct CompileOptions {
  std::map<std::string, std::string> variables;  // for ${NAME}
  std::string base_directory;                    // relative table paths resolve against it
};

struct CompiledScript {
  Plan plan;
  // For people; the job runs all the same. "line 3, column 14: view v is never read".
  std::vector<std::string> warnings;
  std::string filled_script;  // with variables replaced; secret references as they were
  bool explain_only = false;  // EXPLAIN INSERT: show the plan, run nothing
};

// INVALID_ARGUMENT "line 12, column 7: ..." for the first problem, counting lines and columns (in
// characters, from 1) of `script` as given. Takes a thread of its own with a large stack. Any
// thread may call it.
absl::StatusOr<CompiledScript> CompileScript(std::string_view script,
                                             const CompileOptions& options);

}  // namespace weir

#endif  // WEIR_SQL_COMPILE_H_
