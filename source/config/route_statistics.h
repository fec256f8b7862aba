#pragma once

#include <string>
#include <vector>

#include "source/config/diagnostics.h"
#include "source/http/route_statistics.h"
#include "source/router/route_table.h"

namespace google::protobuf {
template <class T>
class RepeatedPtrField;
}

namespace weir::config {

namespace v1 {
class VirtualHost;
}

// Registers the metrics of the routes that ask for statistics of their own, and writes into each
// which they are. `hosts` is what compileVirtualHosts() made of `from`; `at` as there. `manager`:
// the connection manager's name in statistics.
std::vector<http::RouteStatistics> compileRouteStatistics(
    const google::protobuf::RepeatedPtrField<v1::VirtualHost>& from, const Cursor& at,
    const std::string& manager, stats::Store& store, std::vector<router::VirtualHost>& hosts);

}  // namespace weir::config
