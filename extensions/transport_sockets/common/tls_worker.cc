#include "extensions/transport_sockets/common/tls_worker.h"

namespace weir::extensions::transport_sockets {

TlsWorker& TlsWorker::of(base::ServiceMap& services) {
  return services.shared<TlsWorker>([&services] {
    const auto worker = base::makeLocal<TlsWorker>(services.get<network::IoContext>());
    // The map's reference; connections and contexts have their own.
    return std::shared_ptr<TlsWorker>(worker.get(), [worker](TlsWorker*) {});
  });
}

TlsWorker::TlsWorker(network::IoContext& io)
    : io_(io), gate_(io.dispatcher()), join_(std::make_unique_for_overwrite<char[]>(kJoinBytes)) {}

}  // namespace weir::extensions::transport_sockets
