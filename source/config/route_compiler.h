#pragma once

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

// Reads and checks virtual hosts for RouteTable::compile. `at` is the message that has them in its
// field `virtual_hosts`. Clusters must be in the file; bodies from files are read.
std::vector<router::VirtualHost> compileVirtualHosts(
    const google::protobuf::RepeatedPtrField<v1::VirtualHost>& from, const Cursor& at,
    const Compiler& compiler);

}  // namespace weir::config
