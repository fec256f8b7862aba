#include "extensions/network_filters/direct_response/direct_response.h"

#include "source/network/filter_chain.h"
#include "source/network/io_context.h"

namespace weir::extensions::network_filters::direct_response {
namespace {

// Worker-confined.
class WorkerDirectResponseFilterFactory final : public network::WorkerNetworkFilterFactory {
 public:
  explicit WorkerDirectResponseFilterFactory(const std::string& text) : text_(text) {}
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<DirectResponseFilter>(text_);
  }

 private:
  const std::string& text_;
};

}  // namespace

network::Verdict DirectResponseFilter::onConnected() {
  network::Connection& client = chain().connection();
  buffer::Buffer response(client.io().blocks());
  response.append(text_);
  chain().write(*this, response, false);
  client.close(network::CloseMode::kFlush);
  return network::Verdict::kContinue;
}

network::Verdict DirectResponseFilter::onData(buffer::Buffer& data, bool) {
  data.clear();
  return network::Verdict::kContinue;
}

std::unique_ptr<network::WorkerNetworkFilterFactory> DirectResponseFilterFactory::bind(
    base::ServiceMap&) const {
  return std::make_unique<WorkerDirectResponseFilterFactory>(text_);
}

}  // namespace weir::extensions::network_filters::direct_response
