// Builds the list of signatures behind model/functions.h, one family of functions per source file.
#ifndef WEIR_MODEL_FUNCTION_TABLE_H_
#define WEIR_MODEL_FUNCTION_TABLE_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "model/functions.h"

namespace weir {

// What a signature is beyond its name and types. Signatures are strict and can't fail unless said.
struct SignatureTraits {
  bool fallible = false;
  bool strict = true;
  bool variadic = false;
  ResultRule rule = ResultRule::kFixed;
};

class FunctionTable {
 public:
  void Add(std::string_view name, std::initializer_list<TypeKind> args, DataType result,
           SignatureTraits traits = {});
  void Add(std::string_view name, std::initializer_list<TypeKind> args, TypeKind result,
           SignatureTraits traits = {}) {
    Add(name, args, DataType::Of(result), traits);
  }
  // Ordered by name, overloads in the order they were added.
  std::vector<FunctionSignature> Take() &&;

 private:
  std::vector<FunctionSignature> signatures_;
};

void AddOperatorFunctions(FunctionTable& table);
void AddMathFunctions(FunctionTable& table);
void AddTextFunctions(FunctionTable& table);
void AddTimeFunctions(FunctionTable& table);

// The word for a kind in signature ids: "integer", "timestamptz".
const char* KindWord(TypeKind kind);

}  // namespace weir

#endif  // WEIR_MODEL_FUNCTION_TABLE_H_
