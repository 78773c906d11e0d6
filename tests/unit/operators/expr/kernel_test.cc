#include <set>
#include <string>

#include "arrow/array.h"
#include "arrow/status.h"
#include "arrow/type.h"
#include "gtest/gtest.h"
#include "model/functions.h"
#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

DataType TypeOf(TypeKind kind) {
  return kind == TypeKind::kNumeric ? DataType::Numeric(20, 4) : DataType::Of(kind);
}

TEST(KernelTest, OneKernelPerSignature) {
  std::set<std::string> signatures, kernels;
  for (const FunctionSignature& signature : AllFunctions()) signatures.insert(signature.id);
  for (const std::string& id : AllKernels().Ids()) kernels.insert(id);
  for (const std::string& id : signatures) EXPECT_TRUE(kernels.contains(id)) << "no kernel: " << id;
  for (const std::string& id : kernels) {
    EXPECT_TRUE(signatures.contains(id)) << "no signature: " << id;
  }
}

// A call of columns, so that nothing is folded; intervals are literals.
Expr CallOf(const FunctionSignature& signature) {
  Expr call;
  call.kind = ExprKind::kCall;
  call.function = signature.id;
  std::vector<DataType> types;
  for (TypeKind kind : signature.args) {
    Expr arg;
    arg.type = TypeOf(kind);
    arg.kind = kind == TypeKind::kInterval ? ExprKind::kLiteral : ExprKind::kColumn;
    if (kind == TypeKind::kInterval) arg.literal = {arg.type, Interval{0, 1, 0}};
    arg.column = 0;
    types.push_back(arg.type);
    call.args.push_back(std::move(arg));
  }
  call.type = ResultType(signature, types);
  return call;
}

TEST(KernelTest, EveryKernelRunsOnNullsAndNoRows) {
  for (const FunctionSignature& signature : AllFunctions()) {
    SCOPED_TRACE(signature.id);
    const Expr call = CallOf(signature);
    const KernelFactory* factory = AllKernels().Find(signature.id);
    ASSERT_NE(factory, nullptr);
    auto kernel = (*factory)(call);
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    std::vector<Vector> args;
    for (const Expr& arg : call.args) {
      if (arg.type.kind == TypeKind::kInterval) {
        args.push_back(Vector::Constant(arg.literal));
      } else {
        args.push_back(Vector::Of(Vector::Null(arg.type).array));
      }
    }
    RowErrors errors;
    Vector result = (*kernel)->Run(args, 1, errors);
    EXPECT_TRUE(errors.entries().empty());
    EXPECT_TRUE(result.array->type()->Equals(*ArrowType(call.type)));
    EXPECT_EQ(result.array->length(), 1);
    EXPECT_TRUE(result.array->ValidateFull().ok());
    EXPECT_TRUE(!signature.strict || result.IsNull(0));
  }
}

TEST(KernelTest, OneKernelPerCast) {
  const int last = static_cast<int>(TypeKind::kJsonb);
  for (int from = static_cast<int>(TypeKind::kBoolean); from <= last; ++from) {
    for (int to = static_cast<int>(TypeKind::kBoolean); to <= last; ++to) {
      const DataType a = TypeOf(static_cast<TypeKind>(from)), b = TypeOf(static_cast<TypeKind>(to));
      const bool allowed = CastAllowed(a, b) != CastContext::kNone;
      EXPECT_EQ(MakeCastKernel(a, b).ok(), allowed) << ToString(a) << " to " << ToString(b);
    }
  }
}

}  // namespace
}  // namespace weir::expr
