#pragma once

#include <memory>
#include <string>

#include "source/config/diagnostics.h"
#include "source/http/metadata.h"

namespace google::protobuf {
template <class Key, class T>
class Map;
class Struct;
}  // namespace google::protobuf

namespace weir::config {

// Metadata of a route or virtual host: structs by namespace. Null: none. Reports what nests deeper
// than 32 levels, and what has more than 64 KiB.
std::shared_ptr<const http::Metadata> compileMetadata(
    const google::protobuf::Map<std::string, google::protobuf::Struct>& from, const Cursor& at);

}  // namespace weir::config
