#pragma once

#include <span>
#include <vector>

#include "source/config/compiler.h"
#include "source/router/route_table.h"

namespace google::protobuf {
template <class T>
class RepeatedPtrField;
}

namespace weir::config {

namespace v1 {
class VirtualHost;
}

// Around the virtual hosts of one connection manager. Borrows.
struct RouteScope {
  CompileContext& context;
  // Which routes may say something of.
  std::span<const Compiler::HttpFilter> filters = {};
  // There must be a virtual host.
  bool required = true;
};

// Reads and checks virtual hosts for RouteTable::compile. `at` is the message that has them in its
// field `virtual_hosts`. Clusters must be in the file; bodies from files are read.
std::vector<router::VirtualHost> compileVirtualHosts(
    const google::protobuf::RepeatedPtrField<v1::VirtualHost>& from, const Cursor& at,
    const RouteScope& scope);

}  // namespace weir::config
