#pragma once

#include <memory>
#include <string>
#include <vector>

#include "extensions/transport_sockets/common/material_store.h"
#include "source/base/service_map.h"
#include "source/network/transport_socket.h"
#include "test/extensions/health_checkers/common/probe_fixture.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::health_checkers::test {

// An authority, transports of a server whose certificate is for web.example, and of its clients.
// For simulated time: certificates hold whatever that is.
class TlsSides {
 public:
  // `services` outlive it.
  explicit TlsSides(base::ServiceMap& services, const event::Dispatcher& dispatcher)
      : services_(services), dispatcher_(dispatcher) {}

  // What a server chooses by ALPN from; empty: nothing.
  TestEndpoint::TransportMaker server(std::vector<std::string> alpn = {});
  // `name`: what the server's certificate must be for. `trusted`: by our authority, else another.
  std::shared_ptr<const network::TransportSocketFactory> client(const std::string& name,
                                                                std::vector<std::string> alpn = {},
                                                                bool trusted = true);

 private:
  std::shared_ptr<transport_sockets::MaterialStore> load(
      const transport_sockets::MaterialFiles& files);

  base::ServiceMap& services_;
  const event::Dispatcher& dispatcher_;
  const weir::test::TestFolder folder_;
  const weir::test::TestCertificate root_ = authority("Root");
  std::shared_ptr<const network::TransportSocketFactory> server_factory_;
  std::shared_ptr<network::WorkerTransportSocketFactory> server_transports_;

  static weir::test::TestCertificate authority(const std::string& name);
};

}  // namespace weir::extensions::health_checkers::test
