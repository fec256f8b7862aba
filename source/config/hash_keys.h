#pragma once

#include <google/protobuf/repeated_field.h>

#include <memory>

#include "source/config/diagnostics.h"

namespace weir::config::v1 {
class HashKey;
}
namespace weir::upstream {
class HashPolicy;
}

namespace weir::config {

// What a `hash_keys` field says; null when it is empty. `at` is the message that has the field.
std::shared_ptr<const upstream::HashPolicy> compileHashKeys(
    const google::protobuf::RepeatedPtrField<v1::HashKey>& from, const Cursor& at);

}  // namespace weir::config
