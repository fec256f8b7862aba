#pragma once

#include <memory>
#include <string>

#include "test/e2e/programs.h"

namespace weir::test {

// A network of its own with nothing but loopback, which is up. Without a name anywhere, so nothing
// is left when the test is killed. Needs root.
class NetworkNamespace {
 public:
  NetworkNamespace();

  // Why there is none; empty when it is there.
  const std::string& error() const { return error_; }
  // The command to run inside.
  Command inside(const Command& command) const;
  // Runs it to its end.
  Finished run(const Command& command) const { return runToEnd(inside(command)); }
  // A cable from here to `other`, with addresses at either end ("192.0.2.1/24"); false on failure.
  bool connect(const NetworkNamespace& other, const std::string& device,
               const std::vector<std::string>& here, const std::vector<std::string>& there);

 private:
  bool addAddresses(const std::string& device, const std::vector<std::string>& addresses) const;

  std::unique_ptr<ChildProcess> holder_;
  std::string error_;
};

}  // namespace weir::test
