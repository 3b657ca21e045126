package zcl

import "fmt"

// CommandID names a command of a cluster.
type CommandID struct {
	Cluster    uint16
	FromServer bool // server to client
	Command    uint8
}

func (id CommandID) String() string {
	if info, ok := FindCommand(id); ok {
		return info.Name
	}
	return fmt.Sprintf("command 0x%02x of cluster 0x%04x", id.Command, id.Cluster)
}

// toServer names a command from a client, and toClient one from the server.
func toServer(cluster uint16, command uint8) CommandID {
	return CommandID{Cluster: cluster, Command: command}
}

func toClient(cluster uint16, command uint8) CommandID {
	return CommandID{Cluster: cluster, FromServer: true, Command: command}
}

// A Command is a command of a cluster with its fields. All are values that can
// be switched on by type.
type Command interface {
	ID() CommandID
	Append(b []byte) []byte // the payload
}

// AppendRequest appends a frame with a command from a client, which asks for a
// default response where the command has no other.
func AppendRequest(b []byte, seq uint8, c Command) []byte {
	id := c.ID()
	return c.Append(AppendHeader(b, Header{Specific: true, FromServer: id.FromServer, Seq: seq, Command: id.Command}))
}

// ParseCommand reads the payload of a command. Bytes after the fields that this
// revision knows are ignored. The error is [ErrUnknownCommand] when the table
// does not have the command, and [ErrMalformed] when it is too short.
func ParseCommand(id CommandID, payload []byte) (Command, error) {
	info, ok := FindCommand(id)
	if !ok {
		return nil, ErrUnknownCommand
	}
	r := reader{rest: payload}
	c := info.parse(&r)
	if r.bad {
		return nil, ErrMalformed
	}
	return c, nil
}
