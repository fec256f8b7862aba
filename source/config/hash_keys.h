#pragma once

#include <google/protobuf/repeated_field.h>

#include <memory>
#include <string_view>
#include <vector>

#include "source/config/diagnostics.h"

namespace weir::config::v1 {
class HashKey;
}
namespace weir::upstream {
class HashPolicy;
struct HashKey;
}  // namespace weir::upstream

namespace weir::config {

// What a field with such keys says, at most `most` of them. `at` is the message that has the field.
std::vector<upstream::HashKey> readHashKeys(
    const google::protobuf::RepeatedPtrField<v1::HashKey>& from, std::string_view field, int most,
    const Cursor& at);

// What a `hash_keys` field says; null when it is empty. `at` is the message that has the field.
std::shared_ptr<const upstream::HashPolicy> compileHashKeys(
    const google::protobuf::RepeatedPtrField<v1::HashKey>& from, const Cursor& at);

}  // namespace weir::config
