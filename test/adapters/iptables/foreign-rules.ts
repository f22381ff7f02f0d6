/** Rules as Docker and an operator write them, some of which quote our words in their comments. */
export const FOREIGN_RULES = `*nat
:DOCKER - [0:0]
-A PREROUTING -d 172.17.0.1/32 -p tcp -m tcp --dport 8080 -j DOCKER
-A PREROUTING -d 172.17.0.1/32 -p tcp -m comment --comment "not ours -j EMBASSY" -j ACCEPT
-A PREROUTING -d 172.17.0.2/32 -p tcp -m comment --comment embassy -j ACCEPT
-A PREROUTING -d 172.17.0.3/32 -p tcp -m comment --comment EMBASSY -j ACCEPT
-A POSTROUTING -p tcp -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:EMBASSY-LIKE - [0:0]
-A INPUT -p tcp -m tcp --dport 9999 -m comment --comment embassy -j ACCEPT
-A INPUT -j EMBASSY-LIKE
-A EMBASSY-LIKE -p tcp -m tcp --dport 23 -j REJECT --reject-with icmp-port-unreachable
COMMIT
`;

/** Our entry rules once more, as two starts that know nothing of each other would leave them. */
export const DOUBLED_RULE = `*nat
-A PREROUTING -d 172.17.0.1/32 -p tcp -m comment --comment embassy -j EMBASSY
COMMIT
*filter
-A INPUT -d 172.17.0.1/32 -m conntrack --ctstate INVALID -m comment --comment embassy -j EMBASSY-INVALID
COMMIT
`;
