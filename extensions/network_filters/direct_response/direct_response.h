#pragma once

#include <memory>
#include <string>
#include <utility>

#include "source/network/network_filter.h"

namespace weir::extensions::network_filters::direct_response {

// Sends the text and closes. Worker-confined; the text is its factory's.
class DirectResponseFilter final : public network::NetworkFilter {
 public:
  explicit DirectResponseFilter(const std::string& text) : text_(text) {}

  network::Verdict onConnected() override;
  network::Verdict onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(network::CloseReason) override {}

 private:
  const std::string& text_;
};

// Immutable.
class DirectResponseFilterFactory final : public network::NetworkFilterFactory {
 public:
  explicit DirectResponseFilterFactory(std::string text) : text_(std::move(text)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::string text_;
};

}  // namespace weir::extensions::network_filters::direct_response
