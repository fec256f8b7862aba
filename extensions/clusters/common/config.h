#pragma once

#include <string>

#include "google/protobuf/message.h"

#include "api/weir/extensions/clusters/common/v1/dns.pb.h"
#include "extensions/clusters/common/dns_settings.h"
#include "source/config/diagnostics.h"
#include "source/config/extensions.h"

// Reading what the DNS clusters have in common. What is wrong is reported at the cursor of its
// field.
namespace weir::extensions::clusters {

// `at`: the field.
DnsSettings readDnsSettings(const common::v1::Dns& from, DnsFamilies default_families,
                            const config::Cursor& at);

// The cluster that is being compiled. `config`: the whole message of the extension.
DnsCluster makeDnsCluster(DnsSettings settings, const google::protobuf::Message& config,
                          config::CompileContext& context);

}  // namespace weir::extensions::clusters
