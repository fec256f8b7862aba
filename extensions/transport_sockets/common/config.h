#pragma once

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "google/protobuf/repeated_ptr_field.h"

#include "api/weir/extensions/transport_sockets/common/v1/common.pb.h"
#include "extensions/transport_sockets/common/material_store.h"
#include "extensions/transport_sockets/common/peer_policy.h"
#include "extensions/transport_sockets/common/tls_context.h"
#include "source/config/diagnostics.h"

// Reading the fields that TLS on listeners and towards endpoints have in common. What is wrong is
// reported at the cursor of its message or field.
namespace weir::extensions::transport_sockets {

// `at`: the message with the fields min_version and max_version.
TlsVersions readVersions(common::v1::TlsVersion least, common::v1::TlsVersion most,
                         const config::Cursor& at);

CertificateFiles readCertificateFiles(const common::v1::CertificateFiles& from,
                                      const config::Cursor& at);

// `at`: the message with the fields names, sha256 and public_key_sha256.
PeerPolicy readPeerPolicy(const google::protobuf::RepeatedPtrField<common::v1::PeerName>& names,
                          const google::protobuf::RepeatedPtrField<std::string>& sha256,
                          const google::protobuf::RepeatedPtrField<std::string>& public_key_sha256,
                          const config::Cursor& at);

// Files by a repeated field's name, each resolved.
std::vector<std::string> readPaths(const google::protobuf::RepeatedPtrField<std::string>& from,
                                   std::string_view field, const config::Cursor& at);

int readDepth(uint32_t max_depth, const config::Cursor& at);  // the field

std::vector<std::string> readAlpn(const google::protobuf::RepeatedPtrField<std::string>& from,
                                  const config::Cursor& at);  // the message with the field alpn

// Where the parts of a MaterialFiles stand in the configuration. Main-thread only.
class MaterialPlaces {
 public:
  virtual config::Cursor certificate(size_t index) const = 0;  // its message
  virtual config::Cursor trust() const = 0;                    // with ca_files and crl_files
  virtual config::Cursor tickets() const = 0;                  // the field key_file

 protected:
  ~MaterialPlaces() = default;
};

// Loads the files; nullptr after reporting what is wrong with them. What is only odd is logged.
std::shared_ptr<MaterialStore> loadMaterial(const MaterialFiles& files,
                                            const MaterialPlaces& places);

}  // namespace weir::extensions::transport_sockets
