package zcl

// Attributes of the Scenes cluster.
const (
	AttrSceneCount   uint16 = 0x0000
	AttrCurrentScene uint16 = 0x0001
	AttrCurrentGroup uint16 = 0x0002
	AttrSceneValid   uint16 = 0x0003
	AttrSceneNames   uint16 = 0x0004
)

var scenesCluster = ClusterInfo{
	ID: ClusterScenes, Name: "Scenes", Clause: "3.7", Revision: 3,
	Attributes: []AttributeInfo{
		{ID: AttrSceneCount, Name: "SceneCount", Type: TypeUint8, Clause: "3.7.2.2"},
		{ID: AttrCurrentScene, Name: "CurrentScene", Type: TypeUint8, Clause: "3.7.2.2"},
		{ID: AttrCurrentGroup, Name: "CurrentGroup", Type: TypeUint16, Clause: "3.7.2.2"},
		{ID: AttrSceneValid, Name: "SceneValid", Type: TypeBool, Clause: "3.7.2.2"},
		{ID: AttrSceneNames, Name: "NameSupport", Type: TypeMap8, Clause: "3.7.2.2"},
	},
	Commands: []CommandInfo{
		{Command: 0x00, Name: "AddScene", Clause: "3.7.2.4", parse: parseAddScene(false)},
		{Command: 0x01, Name: "ViewScene", Clause: "3.7.2.4", parse: func(r *reader) Command { return ViewScene{Scene: r.scene()} }},
		{Command: 0x02, Name: "RemoveScene", Clause: "3.7.2.4", parse: func(r *reader) Command { return RemoveScene{r.scene()} }},
		{Command: 0x03, Name: "RemoveAllScenes", Clause: "3.7.2.4", parse: func(r *reader) Command { return RemoveAllScenes{r.u16()} }},
		{Command: 0x04, Name: "StoreScene", Clause: "3.7.2.4", parse: func(r *reader) Command { return StoreScene{r.scene()} }},
		{Command: 0x05, Name: "RecallScene", Clause: "3.7.2.4", parse: parseRecallScene},
		{Command: 0x06, Name: "GetSceneMembership", Clause: "3.7.2.4", parse: func(r *reader) Command { return GetSceneMembership{r.u16()} }},
		{Command: 0x40, Name: "EnhancedAddScene", Clause: "3.7.2.4", parse: parseAddScene(true)},
		{Command: 0x41, Name: "EnhancedViewScene", Clause: "3.7.2.4", parse: func(r *reader) Command { return ViewScene{Scene: r.scene(), Enhanced: true} }},
		{Command: 0x42, Name: "CopyScene", Clause: "3.7.2.4", parse: func(r *reader) Command { return CopyScene{r.u8()&1 != 0, r.scene(), r.scene()} }},
		{Command: 0x00, FromServer: true, Name: "AddSceneResponse", Clause: "3.7.2.5", parse: func(r *reader) Command { return AddSceneResponse{r.sceneStatus(), false} }},
		{Command: 0x01, FromServer: true, Name: "ViewSceneResponse", Clause: "3.7.2.5", parse: parseViewSceneResponse(false)},
		{Command: 0x02, FromServer: true, Name: "RemoveSceneResponse", Clause: "3.7.2.5", parse: func(r *reader) Command { return RemoveSceneResponse{r.sceneStatus()} }},
		{Command: 0x03, FromServer: true, Name: "RemoveAllScenesResponse", Clause: "3.7.2.5", parse: func(r *reader) Command { return RemoveAllScenesResponse{Status(r.u8()), r.u16()} }},
		{Command: 0x04, FromServer: true, Name: "StoreSceneResponse", Clause: "3.7.2.5", parse: func(r *reader) Command { return StoreSceneResponse{r.sceneStatus()} }},
		{Command: 0x06, FromServer: true, Name: "GetSceneMembershipResponse", Clause: "3.7.2.5", parse: parseSceneMembership},
		{Command: 0x40, FromServer: true, Name: "EnhancedAddSceneResponse", Clause: "3.7.2.5", parse: func(r *reader) Command { return AddSceneResponse{r.sceneStatus(), true} }},
		{Command: 0x41, FromServer: true, Name: "EnhancedViewSceneResponse", Clause: "3.7.2.5", parse: parseViewSceneResponse(true)},
		{Command: 0x42, FromServer: true, Name: "CopySceneResponse", Clause: "3.7.2.5", parse: func(r *reader) Command { return CopySceneResponse{r.sceneStatus()} }},
	},
}

// enhancedScene is the distance between a command and its enhanced form, which
// gives the transition time in tenths of a second instead of seconds.
const enhancedScene = 0x40

// SceneID names a scene within a device.
type SceneID struct {
	Group uint16 // 0: of no group
	Scene uint8
}

// FieldSet is what a scene holds of one cluster: the values of its attributes in
// the order that the cluster gives them in a scene (07-5123-08, 3.7.2.4.1.1), by
// which later ones may be absent.
type FieldSet struct {
	Cluster uint16
	Values  []byte // at most 255
}

// Scene is the content of a scene.
type Scene struct {
	Transition uint16 // seconds; in the enhanced commands tenths of a second
	Name       string // at most 16 bytes
	Fields     []FieldSet
}

// SceneStatus says how a command about one scene ended.
type SceneStatus struct {
	Status Status
	ID     SceneID
}

// The commands of the Scenes cluster from a client (07-5123-08, 3.7.2.4).
type (
	// AddScene makes or replaces a scene.
	AddScene struct {
		SceneID  SceneID
		Scene    Scene
		Enhanced bool
	}

	// ViewScene asks for the content of a scene.
	ViewScene struct {
		Scene    SceneID
		Enhanced bool
	}

	// RemoveScene removes a scene.
	RemoveScene struct{ Scene SceneID }

	// RemoveAllScenes removes the scenes of a group.
	RemoveAllScenes struct{ Group uint16 }

	// StoreScene makes a scene of what the device does now.
	StoreScene struct{ Scene SceneID }

	// RecallScene goes to a scene. It has no response of its own.
	RecallScene struct {
		Scene      SceneID
		Transition uint16 // tenths of a second; [AsFastAsPossible] for the scene's own
	}

	// GetSceneMembership asks which scenes of a group the device has.
	GetSceneMembership struct{ Group uint16 }

	// CopyScene copies a scene, or all scenes of a group to another group.
	CopyScene struct {
		All      bool // all scenes; those given are then not looked at
		From, To SceneID
	}
)

// The commands of the Scenes cluster from the server (07-5123-08, 3.7.2.5).
type (
	// AddSceneResponse answers [AddScene].
	AddSceneResponse struct {
		SceneStatus
		Enhanced bool
	}

	// ViewSceneResponse answers [ViewScene].
	ViewSceneResponse struct {
		SceneStatus
		Scene    Scene // only with [Success]
		Enhanced bool
	}

	// RemoveSceneResponse answers [RemoveScene].
	RemoveSceneResponse struct{ SceneStatus }

	// RemoveAllScenesResponse answers [RemoveAllScenes].
	RemoveAllScenesResponse struct {
		Status Status
		Group  uint16
	}

	// StoreSceneResponse answers [StoreScene].
	StoreSceneResponse struct{ SceneStatus }

	// SceneMembership answers [GetSceneMembership].
	SceneMembership struct {
		Status   Status
		Capacity uint8 // how many more scenes fit
		Group    uint16
		Scenes   []uint8 // at most 255; only with [Success]
	}

	// CopySceneResponse answers [CopyScene], with the scene copied from.
	CopySceneResponse struct{ SceneStatus }
)

func enhancedIf(enhanced bool, command uint8) uint8 {
	if enhanced {
		return command + enhancedScene
	}
	return command
}

// ID implements [Command].
func (c AddScene) ID() CommandID { return toServer(ClusterScenes, enhancedIf(c.Enhanced, 0x00)) }

// ID implements [Command].
func (c ViewScene) ID() CommandID { return toServer(ClusterScenes, enhancedIf(c.Enhanced, 0x01)) }

// ID implements [Command].
func (RemoveScene) ID() CommandID { return toServer(ClusterScenes, 0x02) }

// ID implements [Command].
func (RemoveAllScenes) ID() CommandID { return toServer(ClusterScenes, 0x03) }

// ID implements [Command].
func (StoreScene) ID() CommandID { return toServer(ClusterScenes, 0x04) }

// ID implements [Command].
func (RecallScene) ID() CommandID { return toServer(ClusterScenes, 0x05) }

// ID implements [Command].
func (GetSceneMembership) ID() CommandID { return toServer(ClusterScenes, 0x06) }

// ID implements [Command].
func (CopyScene) ID() CommandID { return toServer(ClusterScenes, 0x42) }

// ID implements [Command].
func (c AddSceneResponse) ID() CommandID {
	return toClient(ClusterScenes, enhancedIf(c.Enhanced, 0x00))
}

// ID implements [Command].
func (c ViewSceneResponse) ID() CommandID {
	return toClient(ClusterScenes, enhancedIf(c.Enhanced, 0x01))
}

// ID implements [Command].
func (RemoveSceneResponse) ID() CommandID { return toClient(ClusterScenes, 0x02) }

// ID implements [Command].
func (RemoveAllScenesResponse) ID() CommandID { return toClient(ClusterScenes, 0x03) }

// ID implements [Command].
func (StoreSceneResponse) ID() CommandID { return toClient(ClusterScenes, 0x04) }

// ID implements [Command].
func (SceneMembership) ID() CommandID { return toClient(ClusterScenes, 0x06) }

// ID implements [Command].
func (CopySceneResponse) ID() CommandID { return toClient(ClusterScenes, 0x42) }

// Append implements [Command].
func (c AddScene) Append(b []byte) []byte { return c.Scene.append(c.SceneID.append(b)) }

// Append implements [Command].
func (c ViewScene) Append(b []byte) []byte { return c.Scene.append(b) }

// Append implements [Command].
func (c RemoveScene) Append(b []byte) []byte { return c.Scene.append(b) }

// Append implements [Command].
func (c RemoveAllScenes) Append(b []byte) []byte { return appendU16(b, c.Group) }

// Append implements [Command].
func (c StoreScene) Append(b []byte) []byte { return c.Scene.append(b) }

// Append implements [Command].
func (c RecallScene) Append(b []byte) []byte { return appendU16(c.Scene.append(b), c.Transition) }

// Append implements [Command].
func (c GetSceneMembership) Append(b []byte) []byte { return appendU16(b, c.Group) }

// Append implements [Command].
func (c CopyScene) Append(b []byte) []byte {
	return c.To.append(c.From.append(AppendValue(b, Bool(c.All))))
}

// Append implements [Command].
func (c AddSceneResponse) Append(b []byte) []byte { return c.append(b) }

// Append implements [Command].
func (c ViewSceneResponse) Append(b []byte) []byte {
	b = c.append(b)
	if c.Status != Success {
		return b
	}
	return c.Scene.append(b)
}

// Append implements [Command].
func (c RemoveSceneResponse) Append(b []byte) []byte { return c.append(b) }

// Append implements [Command].
func (c RemoveAllScenesResponse) Append(b []byte) []byte {
	return appendU16(append(b, uint8(c.Status)), c.Group)
}

// Append implements [Command].
func (c StoreSceneResponse) Append(b []byte) []byte { return c.append(b) }

// Append implements [Command].
func (c SceneMembership) Append(b []byte) []byte {
	b = appendU16(append(b, uint8(c.Status), c.Capacity), c.Group)
	if c.Status != Success {
		return b
	}
	list := c.Scenes[:min(len(c.Scenes), 255)]
	return append(append(b, uint8(len(list))), list...)
}

// Append implements [Command].
func (c CopySceneResponse) Append(b []byte) []byte { return c.append(b) }

func (s SceneID) append(b []byte) []byte { return append(appendU16(b, s.Group), s.Scene) }

func (s SceneStatus) append(b []byte) []byte { return s.ID.append(append(b, uint8(s.Status))) }

func (s Scene) append(b []byte) []byte {
	b = AppendValue(appendU16(b, s.Transition), Text(s.Name))
	for _, f := range s.Fields {
		values := f.Values[:min(len(f.Values), 255)]
		b = append(append(appendU16(b, f.Cluster), uint8(len(values))), values...)
	}
	return b
}

func (r *reader) scene() SceneID { return SceneID{r.u16(), r.u8()} }

func (r *reader) sceneStatus() SceneStatus { return SceneStatus{Status(r.u8()), r.scene()} }

func (r *reader) sceneContent() Scene {
	s := Scene{Transition: r.u16(), Name: r.groupName()}
	for len(r.rest) > 0 {
		s.Fields = append(s.Fields, FieldSet{r.u16(), append([]byte(nil), r.take(int(r.u8()))...)})
	}
	return s
}

func parseAddScene(enhanced bool) func(*reader) Command {
	return func(r *reader) Command { return AddScene{r.scene(), r.sceneContent(), enhanced} }
}

func parseViewSceneResponse(enhanced bool) func(*reader) Command {
	return func(r *reader) Command {
		c := ViewSceneResponse{SceneStatus: r.sceneStatus(), Enhanced: enhanced}
		if c.Status == Success {
			c.Scene = r.sceneContent()
		}
		return c
	}
}

// parseRecallScene reads the command; those of before revision 7 end without a
// transition time.
func parseRecallScene(r *reader) Command {
	c := RecallScene{Scene: r.scene(), Transition: AsFastAsPossible}
	if len(r.rest) > 0 {
		c.Transition = r.u16()
	}
	return c
}

func parseSceneMembership(r *reader) Command {
	c := SceneMembership{Status: Status(r.u8()), Capacity: r.u8(), Group: r.u16()}
	if c.Status == Success {
		c.Scenes = append([]uint8(nil), r.take(int(r.u8()))...)
	}
	return c
}
