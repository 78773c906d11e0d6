// A script. What compiles is refused by nothing on its way to a worker: its plan survives the wire.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "model/wire.h"
#include "sql/compile.h"
#include "weir/v1/plan.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  CompileOptions options;
  options.variables = {{"NAME", "value"}};
  options.base_directory = "/base";
  const absl::StatusOr<CompiledScript> script =
      CompileScript(std::string_view(reinterpret_cast<const char*>(data), size), options);
  if (!script.ok()) {
    WEIR_CHECK(absl::IsInvalidArgument(script.status()), script.status().ToString());
    return 0;
  }
  v1::Plan wire;
  ToProto(script->plan, &wire);
  const absl::StatusOr<Plan> plan = FromProto(wire);
  WEIR_CHECK(plan.ok(), plan.status().ToString());
  v1::Plan again;
  ToProto(*plan, &again);
  WEIR_CHECK(again.SerializeAsString() == wire.SerializeAsString(), "a plan changes on its way");
  return 0;
}
