#include "extensions/network_filters/echo/echo.h"

#include "source/network/filter_chain.h"

namespace weir::extensions::network_filters::echo {
namespace {

// Worker-confined.
class WorkerEchoFilterFactory final : public network::WorkerNetworkFilterFactory {
 public:
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<EchoFilter>();
  }
};

}  // namespace

network::Verdict EchoFilter::onData(buffer::Buffer& data, bool end_stream) {
  chain().write(*this, data, end_stream);
  network::Connection& client = chain().connection();
  if (client.aboveHighWatermark()) client.setReadEnabled(false);
  return network::Verdict::kContinue;
}

void EchoFilter::onBelowLowWatermark() {
  chain().connection().setReadEnabled(true);
}

std::unique_ptr<network::WorkerNetworkFilterFactory> EchoFilterFactory::bind(
    base::ServiceMap&) const {
  return std::make_unique<WorkerEchoFilterFactory>();
}

}  // namespace weir::extensions::network_filters::echo
