package ebpf

import (
	"fmt"
	"reflect"
	"strings"
)

var kinds = map[reflect.Type]string{
	reflect.TypeFor[*Map](): "map", reflect.TypeFor[*Program](): "program", reflect.TypeFor[*Variable](): "variable",
	reflect.TypeFor[*MapSpec](): "map", reflect.TypeFor[*ProgramSpec](): "program", reflect.TypeFor[*VariableSpec](): "variable",
}

// LoadAndAssign loads the spec and puts its maps, programs and variables into the fields of a struct that are tagged with their
// names, as bpf2go makes them. Programs that have no field are not loaded, unless a map of programs or a struct_ops may need
// them. A field with the tag `ebpf:"name,optional"` stays nil where its program is not loaded by itself (SEC("?…")), which
// Autoload of its spec changes. The object is freed when all of these maps and programs were closed.
func (s *CollectionSpec) LoadAndAssign(to any, opts *CollectionOptions) error {
	only, err := s.only(to)
	if err != nil {
		return err
	}
	if opts == nil {
		opts = &CollectionOptions{}
	}
	c, err := NewCollectionWithOptions(only, *opts)
	if err != nil {
		return err
	}
	if err := c.Assign(to); err != nil {
		c.Close()
		return err
	}
	c.count(to)
	return nil
}

// only returns a spec that loads what a struct has fields for. It takes the open object of s over.
func (s *CollectionSpec) only(to any) (*CollectionSpec, error) {
	c := s.Copy()
	named := map[string]bool{} // false: optional
	err := walk(to, func(f field) error {
		if f.of == reflect.TypeFor[*Program]() {
			named[f.name] = named[f.name] || !f.isOptional
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := false
	for _, m := range s.Maps {
		all = all || m.Type == ProgramArray || m.Type == StructOpsMap
	}
	for name, p := range c.Programs {
		needed, ok := named[name]
		p.Autoload = needed || p.Autoload && (ok || all)
	}
	c.open, s.open = s.open, 0
	return c, nil
}

// count has the object freed with the last map and program that a struct was given.
func (c *Collection) count(to any) {
	_ = walk(to, func(f field) error {
		switch f.of {
		case reflect.TypeFor[*Map]():
			if m := c.Maps[f.name]; m != nil && !m.isCounted {
				m.isCounted = true
				c.loaded.nrOpen++
			}
		case reflect.TypeFor[*Program]():
			if p := c.Programs[f.name]; p != nil && !p.isCounted {
				p.isCounted = true
				c.loaded.nrOpen++
			}
		}
		return nil
	})
}

// Assign puts specs into the tagged fields of a struct.
func (s *CollectionSpec) Assign(to any) error {
	return assign(to, func(t reflect.Type, name string) any {
		switch t {
		case reflect.TypeFor[*MapSpec]():
			return s.Maps[name]
		case reflect.TypeFor[*ProgramSpec]():
			return s.Programs[name]
		}
		return s.Variables[name]
	})
}

// Assign puts maps, programs and variables into the tagged fields of a struct.
func (c *Collection) Assign(to any) error {
	return assign(to, func(t reflect.Type, name string) any {
		switch t {
		case reflect.TypeFor[*Map]():
			return c.Maps[name]
		case reflect.TypeFor[*Program]():
			return c.Programs[name]
		}
		return c.Variables[name]
	})
}

func assign(to any, find func(reflect.Type, string) any) error {
	return walk(to, func(f field) error {
		found := reflect.ValueOf(find(f.of, f.name))
		if !found.IsNil() {
			f.value.Set(found)
		} else if !f.isOptional {
			return fmt.Errorf("field %s: the object has no %s %s", f.label, kinds[f.of], f.name)
		}
		return nil
	})
}

// field is a tagged field of a struct.
type field struct {
	label, name string // in Go, in the object
	isOptional  bool
	of          reflect.Type
	value       reflect.Value
}

// walk calls f for each tagged field of the struct that to points to, and of those in it.
func walk(to any, f func(field) error) error {
	target := reflect.ValueOf(to)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("assign: %T is no pointer to a struct", to)
	}
	return walkFields(target.Elem(), f)
}

func walkFields(target reflect.Value, f func(field) error) error {
	for i := range target.NumField() {
		at := target.Type().Field(i)
		name, option, _ := strings.Cut(at.Tag.Get("ebpf"), ",")
		var err error
		switch {
		case name == "" && at.Type.Kind() == reflect.Struct:
			err = walkFields(target.Field(i), f)
		case name == "":
		case kinds[at.Type] == "":
			err = fmt.Errorf("field %s: %s is no map, program or variable", at.Name, at.Type)
		case !at.IsExported():
			err = fmt.Errorf("field %s: it has to be exported", at.Name)
		default:
			err = f(field{at.Name, name, option == "optional", at.Type, target.Field(i)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
