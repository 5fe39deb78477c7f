//! A script as a plan: its instances linked, its cases as calls of the objects that they became.
//!
//! Whatever can be decided without running code is decided here. Every engine carries out the same plan.

use std::collections::HashMap;
use std::rc::Rc;

use wasmkc_compiler::{CompileError, Standard, Target, validate};

use super::{
    compiled::{self, Group, Needs},
    link::{Defined, Linker},
    merge::{Start, Wanted},
    module::{Module, Space},
    names,
    plan::{Expect, Plan, Planned, Step},
    refused,
    script::{self, Action, Bytes, Case, What},
    tally::Status,
};

/// Plans the script `text`, whose modules keep to `standard`, for `target`; `key` gives the objects' keys.
///
/// # Errors
/// What the script's parser has against it.
pub fn plan(text: &str, standard: Standard, target: Target, key: &mut dyn FnMut() -> u64) -> Result<Plan, String> {
    let mut planner = Planner::new(standard);
    let cases: Vec<_> = script::cases(text)?.into_iter().filter_map(|case| planner.case(case)).collect();
    let (objects, groups) = compiled::compile(&planner.linker, &needs(&cases), target, key);
    let cases = cases
        .into_iter()
        .map(|(line, kind, linked)| Planned { line, kind: kind.to_owned(), step: planner.step(linked, &groups) })
        .collect();
    Ok(Plan { cases, objects })
}

/// How an instance traps that wants something larger than there is: `merge` has its init function compare.
const TOO_SMALL: &str = "unreachable";

/// A case whose instances are known.
#[derive(Debug)]
enum Linked {
    Decided(Status),
    /// The instance comes to be, or traps with this text.
    Start(usize, Option<String>),
    Call(Wanted, Vec<u64>, Expect, usize),
}

/// What the cases need of their instances.
fn needs(cases: &[(usize, &'static str, Linked)]) -> Needs {
    let mut needs = Needs::default();
    for (_, _, linked) in cases {
        match linked {
            Linked::Call(call, _, _, instance) => {
                let list = needs.wanted.entry(*instance).or_default();
                if !list.iter().any(|w| w.name == call.name) {
                    list.push(call.clone());
                }
            }
            Linked::Start(instance, Some(_)) => needs.trapping.push(*instance),
            _ => {}
        }
    }
    needs
}

/// An instance, or why there is none.
type Known = Result<usize, Status>;

struct Planner {
    standard: Standard,
    linker: Linker,
    last: Option<Known>,
    named: HashMap<String, Known>,
    definitions: HashMap<String, Result<Rc<Module>, Status>>,
    definition: Option<Result<Rc<Module>, Status>>,
    /// Registered names of instances that could not be made.
    missing: HashMap<String, Status>,
}

impl Planner {
    fn new(standard: Standard) -> Self {
        let (linker, named, definitions, missing) = Default::default();
        Self { standard, linker, last: None, named, definitions, definition: None, missing }
    }

    fn case(&mut self, case: Case) -> Option<(usize, &'static str, Linked)> {
        let linked = match case.what {
            What::Register { name, id } => {
                match self.instance(id.as_deref()) {
                    Ok(instance) => self.linker.register(&name, instance),
                    Err(status) => drop(self.missing.insert(name, status)),
                }
                return None;
            }
            What::Module { id, bytes, definition } => self.module(id, bytes, definition),
            What::Instance { id, module } => {
                let known = match &module {
                    Some(name) => self.definitions.get(name).cloned(),
                    None => self.definition.clone(),
                };
                let known = known.unwrap_or_else(|| Err(Status::Failed("there is no such definition".to_owned())));
                let instance = known.and_then(|module| self.link(module));
                self.started(id, instance)
            }
            What::Invoke(action) => self.action(action, Expect::Return),
            What::Return(action, results) => self.action(action, Expect::Results(results)),
            What::Trap(action, text) => self.action(action, Expect::Trap(text)),
            What::Exhaustion(action) => self.action(action, Expect::Exhaustion),
            What::TrapModule(bytes, text) => match self.read(bytes).and_then(|module| self.link(module)) {
                Ok(instance) => Linked::Start(instance, Some(text)),
                Err(status) => Linked::Decided(status),
            },
            What::Refused(bytes) => Linked::Decided(self.must_be_refused(bytes)),
            What::Unlinkable(bytes) => self.unlinkable(bytes).unwrap_or_else(Linked::Decided),
            What::Foreign(what) => Linked::Decided(refused::foreign(&what)),
        };
        Some((case.line, case.kind, linked))
    }

    fn module(&mut self, id: Option<String>, bytes: Bytes, definition: bool) -> Linked {
        let module = self.read(bytes);
        if !definition {
            let instance = module.and_then(|module| self.link(module));
            return self.started(id, instance);
        }
        self.definition = Some(module.clone());
        self.definitions.extend(id.map(|id| (id, module.clone())));
        Linked::Decided(module.map_or_else(|status| status, |_| Status::Passed))
    }

    fn started(&mut self, id: Option<String>, instance: Known) -> Linked {
        self.named.extend(id.map(|id| (id, instance.clone())));
        self.last = Some(instance.clone());
        match instance {
            Ok(instance) => Linked::Start(instance, None),
            Err(status) => Linked::Decided(status),
        }
    }

    fn link(&mut self, module: Rc<Module>) -> Known {
        let missing = module.imports.iter().find_map(|i| self.missing.get(&i.from.0));
        match missing {
            Some(status) => Err(status.of_dependent("imports of a module that could not be made")),
            None => {
                let feature = refused::feature(&module.bytes);
                let linked = self.linker.instantiate(module);
                linked.map_err(|e| match feature {
                    Some(_) => refused::status(feature, &e),
                    None => Status::Failed(format!("does not link: {e}")),
                })
            }
        }
    }

    /// The module must not link. Where nothing but a size is wrong, something may have grown to it: running tells.
    fn unlinkable(&mut self, bytes: Bytes) -> Result<Linked, Status> {
        let module = self.read(bytes)?;
        if let Some(status) = module.imports.iter().find_map(|i| self.missing.get(&i.from.0)) {
            return Err(status.of_dependent("imports of a module that could not be made"));
        }
        let feature = refused::feature(&module.bytes);
        match self.linker.resolve(&module) {
            Err(_) => Ok(Linked::Decided(Status::Passed)),
            Ok(_) if feature.is_some() => Err(refused::status(feature, "it may link")),
            Ok(resolved) if resolved.grown.is_empty() => Err(Status::Failed("it links".to_owned())),
            Ok(_) => {
                let instance = self.linker.instantiate(module).map_err(Status::Failed)?;
                Ok(Linked::Start(instance, Some(TOO_SMALL.to_owned())))
            }
        }
    }

    fn instance(&self, id: Option<&str>) -> Known {
        let known = match id {
            Some(id) => self.named.get(id).cloned(),
            None => self.last.clone(),
        };
        known.unwrap_or_else(|| Err(Status::Failed("there is no such instance".to_owned())))
    }

    fn action(&mut self, action: Action, expect: Expect) -> Linked {
        let instance = match self.instance(action.module.as_deref()) {
            Ok(instance) => instance,
            Err(status) => return Linked::Decided(status.of_dependent("its module could not be made")),
        };
        let Some(export) = self.linker.instances[instance].module.export(&action.name) else {
            return Linked::Decided(Status::Failed(format!("there is no export `{}`", action.name)));
        };
        let (space, index) = (export.space, export.index);
        let item: Defined = self.linker.defined(instance, space, index);
        match (space, action.args) {
            (Space::Function, Some(args)) => {
                let name = names::function(instance, &action.name, index);
                Linked::Call(Wanted { name, item }, args, expect, instance)
            }
            (Space::Global, None) => {
                let name = names::getter(instance, &action.name, index);
                Linked::Call(Wanted { name, item }, Vec::new(), expect, instance)
            }
            _ => Linked::Decided(Status::Failed(format!("export `{}` is of another kind", action.name))),
        }
    }

    fn step(&self, linked: Linked, groups: &HashMap<usize, Rc<Group>>) -> Step {
        match linked {
            Linked::Decided(status) => Step::Decided(status),
            Linked::Start(instance, trap) => match &*groups[&instance] {
                Group::Object(object, Start::AtOnce) => Step::Start { object: *object },
                Group::Object(object, Start::ByCalls) => Step::Call {
                    object: *object,
                    export: names::init(instance),
                    args: Vec::new(),
                    expect: trap.map_or(Expect::Return, Expect::Trap),
                },
                Group::TrapsBefore(e) => Step::Decided(match (e, trap.as_deref()) {
                    (CompileError::SegmentOutOfBounds { what: "memory", .. }, Some("out of bounds memory access"))
                    | (CompileError::SegmentOutOfBounds { what: "table", .. }, Some("out of bounds table access")) => {
                        Status::Passed
                    }
                    _ => Status::Failed(e.to_string()),
                }),
                Group::Refused(Status::Skipped(reason)) if trap.is_none() => {
                    Step::Decided(Status::Failed(reason.clone()))
                }
                Group::Refused(status) => Step::Decided(status.clone()),
            },
            Linked::Call(wanted, args, expect, instance) => match &*groups[&instance] {
                Group::Object(object, _) => Step::Call { object: *object, export: wanted.name, args, expect },
                Group::TrapsBefore(e) => Step::Decided(Status::Skipped(e.to_string())),
                Group::Refused(status) => Step::Decided(status.clone()),
            },
        }
    }

    /// A module that our validator passes.
    fn read(&self, bytes: Bytes) -> Result<Rc<Module>, Status> {
        let bytes = bytes.map_err(|e| Status::Failed(format!("its text is refused: {e}")))?;
        validate(&bytes, self.standard).map_err(|e| Status::Failed(e.to_string()))?;
        Module::read(bytes).map(Rc::new).map_err(|e| Status::Failed(format!("cannot be read: {e}")))
    }

    fn must_be_refused(&self, bytes: Bytes) -> Status {
        match bytes.map(|bytes| validate(&bytes, self.standard)) {
            Err(_) | Ok(Err(_)) => Status::Passed,
            Ok(Ok(())) => Status::Failed("it is accepted".to_owned()),
        }
    }
}
