#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/transport.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace weir {
namespace {

namespace tls = ::grpc::experimental;

class Plain : public Transport {
 public:
  explicit Plain(bool anywhere) : anywhere_(anywhere) {}
  bool tls() const override { return false; }
  const TlsFiles* files() const override { return nullptr; }

  absl::Status Allows(std::string_view flag, std::string_view address) const override {
    if (anywhere_) return absl::OkStatus();
    WEIR_ASSIGN_OR_RETURN(const HostPort parsed, ParseHostPort(address));
    if (IsLoopback(parsed.host)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(AbslView(flag), " ", AbslView(address),
                     " goes beyond this machine, where plaintext could be read and forged: give "
                     "--tls-cert, --tls-key and --tls-ca, or allow it with --insecure"));
  }

  std::shared_ptr<grpc::ServerCredentials> ForServer() const override {
    return grpc::InsecureServerCredentials();
  }
  std::shared_ptr<grpc::ChannelCredentials> ForChannel(Identity,
                                                       grpc::ChannelArguments*) const override {
    return grpc::InsecureChannelCredentials();
  }
  absl::Status CheckPeer(const grpc::ServerContextBase&, Identity) const override {
    return absl::OkStatus();
  }

 private:
  const bool anywhere_;
};

class MutualTls : public Transport {
 public:
  explicit MutualTls(TlsFiles files)
      : files_(std::move(files)),
        provider_(std::make_shared<tls::FileWatcherCertificateProvider>(
            files_.key, files_.cert, files_.ca, kTlsReloadSeconds)) {
    tls::TlsServerCredentialsOptions server(provider_);
    server.watch_root_certs();
    server.watch_identity_key_cert_pairs();
    server.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    server_ = tls::TlsServerCredentials(server);
    tls::TlsChannelCredentialsOptions channel;
    channel.set_certificate_provider(provider_);
    channel.watch_root_certs();
    channel.watch_identity_key_cert_pairs();
    channel_ = tls::TlsCredentials(channel);
  }

  bool tls() const override { return true; }
  const TlsFiles* files() const override { return &files_; }
  absl::Status Allows(std::string_view, std::string_view) const override {
    return absl::OkStatus();
  }
  std::shared_ptr<grpc::ServerCredentials> ForServer() const override { return server_; }

  std::shared_ptr<grpc::ChannelCredentials> ForChannel(
      Identity peer, grpc::ChannelArguments* arguments) const override {
    // What the library's check of host names compares with the certificate.
    arguments->SetSslTargetNameOverride(std::string(NameOf(peer)));
    return channel_;
  }

  absl::Status CheckPeer(const grpc::ServerContextBase& call, Identity wanted) const override {
    const std::string_view name = NameOf(wanted);
    const std::shared_ptr<const grpc::AuthContext> peer = call.auth_context();
    const std::vector<grpc::string_ref> names =
        peer == nullptr ? std::vector<grpc::string_ref>()
                        : peer->FindPropertyValues(GRPC_PEER_DNS_PROPERTY_NAME);
    const bool is = std::any_of(names.begin(), names.end(), [&](const grpc::string_ref& one) {
      return std::string_view(one.data(), one.size()) == name;
    });
    if (is) return absl::OkStatus();
    return absl::PermissionDeniedError(
        absl::StrCat("the caller's certificate doesn't carry the DNS name ", AbslView(name),
                     " among its subject alternative names; use one that does"));
  }

 private:
  const TlsFiles files_;
  // shared_ptr: gRPC's own ownership, here and below.
  const std::shared_ptr<tls::FileWatcherCertificateProvider> provider_;
  std::shared_ptr<grpc::ServerCredentials> server_;
  std::shared_ptr<grpc::ChannelCredentials> channel_;
};

class AcceptedConnections : public ConnectionSource {
 public:
  AcceptedConnections(std::unique_ptr<Listener> listener,
                      std::unique_ptr<tls::ExternalConnectionAcceptor> acceptor)
      : acceptor_(std::move(acceptor)), listener_(std::move(listener)) {}
  int port() const override { return listener_->port(); }
  void Start() override {
    listener_->Start([this](int socket) {
      tls::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.listener_fd = -1;
      connection.fd = socket;
      acceptor_->HandleNewConnection(&connection);
    });
  }

 private:
  const std::unique_ptr<tls::ExternalConnectionAcceptor> acceptor_;
  const std::unique_ptr<Listener> listener_;  // last: it calls the above
};

class WithoutReflection : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

}  // namespace

void BoundServer(const ServerBounds& bounds, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(bounds.message_bytes_max);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, bounds.streams_max);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5'000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 600'000);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
}

absl::StatusOr<std::unique_ptr<ConnectionSource>> ListenFor(grpc::ServerBuilder* builder,
                                                            const Transport& transport,
                                                            const HostPort& address,
                                                            const ListenerBounds& bounds) {
  WEIR_RETURN_IF_ERROR(transport.Allows("--listen", ToString(address)));
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<Listener> listener,
                        Listener::Open("--listen", address, bounds));
  using From = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  std::unique_ptr<tls::ExternalConnectionAcceptor> acceptor =
      builder->experimental().AddExternalConnectionAcceptor(From::FROM_FD, transport.ForServer());
  return std::make_unique<AcceptedConnections>(std::move(listener), std::move(acceptor));
}

void DropReflection(grpc::ServerBuilder* builder) {
  builder->SetOption(std::make_unique<WithoutReflection>());
}

std::string_view NameOf(Identity identity) {
  switch (identity) {
    case Identity::kCoordinator:
      return "weir-coordinator";
    case Identity::kWorker:
      return "weir-worker";
    case Identity::kClient:
      return "weir-client";
  }
  return "";
}

SharedTransport PlainTransport(bool anywhere) { return std::make_shared<Plain>(anywhere); }

absl::StatusOr<SharedTransport> TlsTransport(const TlsFiles& files,
                                             const std::vector<Identity>& identities) {
  std::vector<std::string> names;
  for (const Identity identity : identities) names.emplace_back(NameOf(identity));
  WEIR_RETURN_IF_ERROR(CheckTlsFiles(files, names));
  return std::make_shared<MutualTls>(files);
}

}  // namespace weir
