#pragma once

#include <string_view>

#include "api/weir/plugin/plugin.h"

// The parts that a plugin's table is filled in from, each with its functions. Every function is
// thread-safe.
namespace weir::plugin {

void fillConfig(weir_host& host);    // host_config.cc
void fillLoops(weir_host& host);     // host_loops.cc: loops, scopes, tickets, log
void fillHeaders(weir_host& host);   // host_headers.cc
void fillBuffers(weir_host& host);   // host_buffers.cc
void fillInfo(weir_host& host);      // host_info.cc
void fillServices(weir_host& host);  // host_services.cc: metrics, dictionaries, files

// Of single kinds.
extern const weir_http_api kHttpApi;          // kinds/http_stream.cc
extern const weir_network_api kNetworkApi;    // kinds/network_filter.cc
extern const weir_balancer_api kBalancerApi;  // kinds/balancer_api.cc
extern const weir_sticky_api kStickyApi;      // kinds/stickiness.cc
extern const weir_probe_api kProbeApi;        // kinds/probe.cc

// A field that frames a message or belongs to a connection, or none at all: not a plugin's
// business.
bool isReservedField(std::string_view name);
// A field that a plugin may add.
bool maySetField(std::string_view name, std::string_view value);

}  // namespace weir::plugin
