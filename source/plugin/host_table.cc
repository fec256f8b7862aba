#include "source/base/version.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/plugin.h"

namespace weir::plugin {

void fillHostTable(weir_host& host) {
  host = {};
  host.size = sizeof host;
  host.abi_major = WEIR_PLUGIN_ABI_MAJOR;
  host.abi_minor = WEIR_PLUGIN_ABI_MINOR;
  host.version = str(base::kVersion);
  host.http = &kHttpApi;
  host.network = &kNetworkApi;
  host.balancer = &kBalancerApi;
  host.sticky = &kStickyApi;
  host.probe = &kProbeApi;
  fillConfig(host);
  fillLoops(host);
  fillHeaders(host);
  fillBuffers(host);
  fillInfo(host);
  fillServices(host);
}

}  // namespace weir::plugin
